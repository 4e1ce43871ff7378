/** What the microphone's part of the page is made of. */

import { Row } from "./bars.js";
import { make, write } from "./dom.js";
import { lasting, plain } from "./text.js";
import { decibels, QUIETEST_DBFS } from "./words.js";

/** As the server allows them. */
const STREAM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NAME_RULE =
  "A stream's name is 1 to 64 letters, digits, dots, dashes or underscores, and begins with a letter or digit.";
const NAME_CHARACTERS = 64;
/** Less is on its way at any time. */
const WAITING_S = 1;
const LOST_S = 0.05;

/**
 * @typedef {object} Wishes
 * @property {() => void} start
 * @property {() => void} stop
 * @property {(device: string) => void} use
 * @property {() => void} newSpeaker
 */

export class MicrophoneForm {
  #device = make("select");
  #name = make("input", { autocomplete: "off", maxLength: NAME_CHARACTERS, spellcheck: false });
  #button = make("button");
  #speaker = make("button", { type: "button" });
  #says = make("p", { className: "says" });
  #level = new Row("Level");
  #counts = make("p", { className: "counts" });
  #wishes;
  #sending = false;

  /** @param {HTMLElement} root @param {string} stream its name, at first @param {Wishes} wishes */
  constructor(root, stream, wishes) {
    this.#wishes = wishes;
    this.#name.value = stream;
    this.#says.setAttribute("role", "status");
    this.#device.addEventListener("change", () => wishes.use(this.device));
    this.#name.addEventListener("input", () => this.#name.setAttribute("aria-invalid", !this.#isNamed()));
    this.#speaker.addEventListener("click", wishes.newSpeaker);
    const form = make(
      "form",
      { noValidate: true },
      make("label", {}, make("span", { text: "Device" }), this.#device),
      make("label", {}, make("span", { text: "Send as stream" }), this.#name),
      make("div", { className: "buttons" }, this.#button, this.#speaker),
    );
    form.addEventListener("submit", (submitted) => this.#submit(submitted));
    root.append(form, this.#says, this.#level.element, this.#counts);
    this.list([]);
    this.count(0, 0, 0);
  }

  /** The deviceId chosen, or "" for whichever the browser takes. */
  get device() {
    return this.#device.value;
  }

  get stream() {
    return this.#name.value;
  }

  /** @param {string} sentence @param {boolean} [alarming] */
  say(sentence, alarming = false) {
    this.#says.toggleAttribute("data-alarm", alarming);
    write(this.#says, sentence);
  }

  /**
   * @param {MediaDeviceInfo[]} devices whose names are known only once one was used
   * @param {string} [chosen] deviceId
   */
  list(devices, chosen = this.device) {
    const options = devices.map(({ label, deviceId }, at) => new Option(plain(label) || `no. ${at + 1}`, deviceId));
    this.#device.replaceChildren(new Option("the browser's choice", ""), ...options);
    this.#device.value = chosen;
    // One that is not plugged in now stays chosen: it may come back.
    if (chosen && this.#device.value !== chosen) {
      this.#device.add(new Option("the one chosen before, not plugged in", chosen));
      this.#device.value = chosen;
    }
  }

  /** @param {string} device deviceId of one that is listed */
  choose(device) {
    this.#device.value = device;
  }

  /**
   * @param {"idle" | "starting" | "running" | "ending"} phase
   * @param {string | null} speaking the stream in which a new speaker can be announced
   */
  show(phase, speaking) {
    this.#sending = phase === "running" || phase === "ending";
    const labels = { idle: "Use this browser's microphone", running: "Stop", ending: "Give up what waits" };
    write(this.#button, labels[phase] ?? labels.idle);
    this.#button.disabled = phase === "starting";
    this.#name.disabled = phase !== "idle";
    this.#device.disabled = phase === "starting" || phase === "ending";
    write(this.#speaker, speaking === null ? "New speaker" : `New speaker in “${plain(speaking)}”`);
    this.#speaker.disabled = speaking === null;
    this.#level.element.hidden = this.#counts.hidden = !this.#sending;
  }

  /** @param {number} dbfs */
  measure(dbfs) {
    const heard = dbfs >= QUIETEST_DBFS;
    this.#level.show(0, heard ? 1 - dbfs / QUIETEST_DBFS : 0, heard ? decibels(dbfs) : "silent");
  }

  /** @param {number} sent_s @param {number} waiting_s @param {number} lost_s */
  count(sent_s, waiting_s, lost_s) {
    const waiting = waiting_s < WAITING_S ? "nothing waits" : `${lasting(waiting_s)} waiting`;
    const lost = lost_s < LOST_S ? "nothing lost" : `${lost_s.toFixed(1)} s lost`;
    write(this.#counts, `${lasting(sent_s)} sent, ${waiting}, ${lost}`);
    this.#counts.toggleAttribute("data-alarm", lost_s >= LOST_S);
  }

  #submit(submitted) {
    submitted.preventDefault();
    if (this.#sending) this.#wishes.stop();
    else if (this.#isNamed()) this.#wishes.start();
    else {
      this.say(NAME_RULE, true);
      this.#name.focus();
    }
  }

  #isNamed() {
    return STREAM_NAME.test(this.stream);
  }
}
