/** "Use this browser's microphone": start and stop, the level, what waits and what was lost, and new speakers. */

import { Broadcast } from "./broadcast.js";
import { isPossible, microphones } from "./capture.js";
import { RefusedError } from "./client.js";
import { MicrophoneForm } from "./microphone-form.js";
import { announceNewSpeaker } from "./new-speaker.js";
import {
  describe,
  explain,
  explainInsecure,
  explainMissed,
  explainNewSpeaker,
  explainRefusal,
  sumUp,
} from "./microphone-words.js";
import { ofThisBrowser } from "./storage.js";

const STREAM = "microphone-stream";
const DEVICE = "microphone-device";
/** Refusals that another token would change. */
const DEMANDS = new Set(["unauthorized", "forbidden"]);
/** Figures that change more often cannot be read. */
const WRITTEN_EVERY_MS = 250;
/** How long something that needs nobody's help stays written. */
const SAID_FOR_MS = 4_000;

/**
 * @typedef {object} Context
 * @property {() => string | undefined} token what the server demands
 * @property {() => void} askForToken let the user enter another
 * @property {(stream: string) => void} select make a stream large
 * @property {number} [held_s] how much audio may wait while the server cannot be reached
 */

export class Microphone {
  #form;
  #context;
  /** @type {"idle" | "starting" | "running" | "ending"} */
  #phase = "idle";
  /** @type {Broadcast | null} */
  #broadcast = null;
  /** The stream that is large. @type {import("./state.js").StreamState | null} */
  #large = null;
  /** The stream in which a new speaker can be announced. @type {string | null} */
  #speaking = null;
  #written_ms = -WRITTEN_EVERY_MS;
  #said_until_ms = 0;

  /** @param {HTMLElement} root @param {Context} context */
  constructor(root, context) {
    this.#context = context;
    this.#form = new MicrophoneForm(root, ofThisBrowser.get(STREAM) ?? "browser", {
      start: () => this.#start(),
      stop: () => this.#stop(),
      use: (device) => this.#use(device),
      newSpeaker: () => this.#announce(),
    });
    this.#enter("idle", null);
    if (!isPossible()) {
      this.#form.say(explainInsecure(location), true);
      return;
    }
    navigator.mediaDevices.addEventListener("devicechange", () => this.#list());
    this.#list(ofThisBrowser.get(DEVICE) ?? "");
  }

  /** @param {import("./state.js").StreamState | null} state of the stream that is large */
  show(state) {
    this.#large = state;
  }

  /** @param {number} nowMs */
  draw(nowMs) {
    const speaking = this.#whoSpeaks();
    if (speaking !== this.#speaking) {
      this.#speaking = speaking;
      this.#render();
    }
    if (this.#phase !== "running" && this.#phase !== "ending") return;
    this.#form.measure(this.#broadcast.level_dbfs);
    if (nowMs - this.#written_ms < WRITTEN_EVERY_MS) return;
    this.#written_ms = nowMs;
    this.#write();
  }

  async #start() {
    if (!isPossible()) {
      this.#form.say(explainInsecure(location), true);
      return;
    }
    const broadcast = new Broadcast(this.#form.stream, (missed) => this.#hear(missed));
    ofThisBrowser.set(STREAM, broadcast.stream);
    this.#enter("starting", broadcast);
    this.#form.say("The browser may ask whether this page may listen: allow it.");
    try {
      await broadcast.start({ device: this.#form.device, token: this.#context.token(), held_s: this.#context.held_s });
    } catch (error) {
      await broadcast.abandon();
      this.#fail(error, explain(error));
      return;
    }
    this.#said_until_ms = 0;
    this.#enter("running", broadcast);
    this.#list();
    this.#context.select(broadcast.stream);
    this.#follow(broadcast);
  }

  /** See a stream through to its end. */
  async #follow(broadcast) {
    try {
      this.#over(sumUp(await broadcast.finished));
    } catch (error) {
      this.#fail(error, "Stopped: what still waited was not sent.");
    }
    await broadcast.abandon();
  }

  /** @param {Error} error @param {string} otherwise what to say where the server did not refuse */
  #fail(error, otherwise) {
    const refused = error instanceof RefusedError;
    if (refused && DEMANDS.has(error.code)) this.#context.askForToken();
    this.#over(refused ? explainRefusal(error) : otherwise, true);
  }

  #over(sentence, alarming = false) {
    this.#enter("idle", null);
    this.#form.say(sentence, alarming);
  }

  #stop() {
    if (this.#phase === "ending") {
      this.#broadcast.abandon();
      return;
    }
    this.#enter("ending", this.#broadcast);
    this.#form.say("Sending what still waits.");
    this.#broadcast.end().catch(() => {}); // That is told by `finished`.
  }

  #use(device) {
    ofThisBrowser.set(DEVICE, device);
    if (this.#phase === "running") this.#broadcast.use(device);
  }

  /** @param {Error | null} missed why another device than the one that is used could not be */
  #hear(missed) {
    if (missed && this.#phase === "running") {
      const { device, deviceId } = this.#broadcast;
      ofThisBrowser.set(DEVICE, deviceId);
      this.#form.choose(deviceId);
      this.#remark(explainMissed(missed, device), true);
    }
    this.#write();
  }

  async #announce() {
    const stream = this.#speaking;
    if (this.#phase === "running" && stream === this.#broadcast.stream) {
      this.#broadcast.newSpeaker();
      this.#remark(explainNewSpeaker(204, stream));
      return;
    }
    const status = await announceNewSpeaker(stream, this.#context.token());
    if (status === 401 || status === 403) this.#context.askForToken();
    this.#remark(explainNewSpeaker(status, stream), status !== 204);
  }

  /** Say something that may go away by itself. */
  #remark(sentence, alarming = false) {
    this.#said_until_ms = performance.now() + SAID_FOR_MS;
    this.#form.say(sentence, alarming);
  }

  async #list(chosen) {
    this.#form.list(await microphones(), chosen);
  }

  #whoSpeaks() {
    if (this.#large !== null && this.#large.endedAt === null) return this.#large.name;
    return this.#phase === "running" ? this.#broadcast.stream : null;
  }

  #write() {
    if (this.#broadcast === null) return;
    const { sent_s, waiting_s, lost_s } = this.#broadcast;
    this.#form.count(sent_s, waiting_s, lost_s);
    if (this.#phase !== "running" || performance.now() < this.#said_until_ms) return;
    this.#form.say(...describe(this.#broadcast));
  }

  #enter(phase, broadcast) {
    this.#phase = phase;
    this.#broadcast = broadcast;
    this.#render();
  }

  #render() {
    this.#form.show(this.#phase, this.#speaking);
  }
}
