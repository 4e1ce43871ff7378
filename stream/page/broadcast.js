/** From the microphone to the server: what is captured is sent, and what is lost on the way is counted. */

import { Capture } from "./capture.js";
import { RefusedError, send } from "./client.js";

/** What may wait while the server cannot be reached; older audio is no longer live. */
export const HELD_S = 20;
const SAMPLE_BYTES = 2;
const FULL_SCALE = 32_768;
/** So long nothing but zeros: a microphone that is switched off. */
const MUTED_S = 3;
/** The server's word for a stream that someone else sends, who may be gone: it knows after 2 s of silence. */
const BUSY = "stream_busy";
/** So many attempts take longer than that. */
const BUSY_ATTEMPTS = 5;
/** So long it is said that something was too loud. */
const CLIPPED_S = 2;

export class Broadcast {
  /** @type {"hearing" | "gone" | "asleep"} how it is with the microphone */
  hearing = "hearing";
  /** Why there is none. @type {Error | null} */
  why = null;
  /** The last that the sender said of its connection. @type {{state: string, why?: string, retry_ms?: number}} */
  link = { state: "connecting" };
  /** Of the last block, in dBFS. */
  level_dbfs = -Infinity;
  held_s = 0;
  /** Frames since the last that was not zero, and since the last that was cut off at full scale. */
  #zeros = 0;
  #unclipped = Infinity;
  #capture = null;
  #sender = null;
  #changed;
  #busy = 0;
  #refusal = null;

  /**
   * @param {string} stream
   * @param {(missed: Error | null) => void} changed called when anything but levels and counts is new, and with the
   *   reason where another device cannot be used and the one before is
   */
  constructor(stream, changed) {
    this.stream = stream;
    this.#changed = changed;
  }

  /**
   * Throws what getUserMedia throws.
   * @param {{device: string, token?: string, held_s?: number}} options
   */
  async start({ device, token, held_s = HELD_S }) {
    this.held_s = held_s;
    this.#capture = await Capture.open(device, {
      onAudio: (samples, missing) => this.#take(samples, missing),
      onState: (hearing, why) => {
        const missed = hearing === "gone" ? null : why;
        Object.assign(this, { hearing, why: missed ? null : why });
        this.#changed(missed);
      },
    });
    this.#sender = send({
      stream: this.stream,
      token,
      rate: this.#capture.rate,
      bufferBytes: Math.round(held_s * this.#capture.rate * SAMPLE_BYTES),
      onState: (link) => this.#hear(link),
    });
  }

  /** What became of the stream; rejects with a RefusedError where the server will not have it. */
  get finished() {
    return this.#sender.finished.catch((error) => {
      throw this.#refusal ?? error;
    });
  }

  get device() {
    return this.#capture?.label ?? "";
  }

  /** The deviceId that was chosen for it. */
  get deviceId() {
    return this.#capture?.device ?? "";
  }

  get muted() {
    return this.#zeros >= MUTED_S * this.#capture?.rate;
  }

  get clipped() {
    return this.#unclipped < CLIPPED_S * this.#capture?.rate;
  }

  get sent_s() {
    return this.#seconds(this.#sender?.acknowledged);
  }

  /** Of sound that may still arrive. */
  get waiting_s() {
    if (this.#sender === null) return 0;
    const { buffered, lost, skipped } = this.#sender;
    return this.#seconds(buffered - (lost - skipped));
  }

  get lost_s() {
    return this.#seconds(this.#sender?.lost);
  }

  /** @param {string} device */
  async use(device) {
    await this.#capture.use(device);
  }

  newSpeaker() {
    this.#sender.newSpeaker();
  }

  /** Listen no longer, and send what waits. Resolves to the server's summary. */
  async end() {
    await this.#capture.close();
    return this.#sender.end();
  }

  /** Listen no longer, and let go of what waits. */
  async abandon() {
    this.#sender?.close();
    await this.#capture?.close();
  }

  #seconds(frames = 0) {
    return this.#capture ? frames / this.#capture.rate : 0;
  }

  #hear(link) {
    // Another attempt is no news while the connection is lost.
    if (link.state === "connecting" && this.link.state === "lost") return;
    this.link = link;
    if (link.code === BUSY && this.#sender.session === null && ++this.#busy >= BUSY_ATTEMPTS) this.#yield(link.why);
    this.#changed(null);
  }

  /** Leave the stream to whoever sends it: only another name helps. */
  #yield(why) {
    this.#refusal = new RefusedError(BUSY, why);
    this.link = { state: "refused", why };
    this.#sender.close();
  }

  #take(samples, missing) {
    if (this.#sender === null || this.link.state === "refused" || this.link.state === "ended") return;
    if (missing > 0) {
      this.#sender.skip(missing);
      this.#zeros = 0;
    }
    if (samples.length === 0) return;
    this.#sender.push(samples);
    this.#measure(samples);
  }

  #measure(samples) {
    let [energy, peak] = [0, 0];
    for (const sample of samples) {
      energy += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    this.level_dbfs = 10 * Math.log10(energy / samples.length / FULL_SCALE ** 2);
    this.#unclipped = peak >= FULL_SCALE - 1 ? 0 : this.#unclipped + samples.length;
    this.#zeros = peak ? 0 : this.#zeros + samples.length;
  }
}
