/** What is heard now: the input, and the newest estimate in figures and words. */

import { Row } from "./bars.js";
import { make, write } from "./dom.js";
import { said } from "./point.js";
import { clock, percent, signed } from "./text.js";
import { decibels, QUIETEST_DBFS } from "./words.js";

const BEGINNING =
  "Use this browser's microphone, or run cmlstream listen or cmlstream send where there is something to hear.";
const SPOKEN_EVERY_MS = 5_000;

export class Now {
  #state = null;
  #drawn = "";
  #spoken_ms = -SPOKEN_EVERY_MS;
  #told = null;
  #headline = make("p", { id: "speaking", className: "headline", text: "no stream yet" });
  #when = make("p", { id: "when", className: "quiet", text: BEGINNING });
  #level = new Row("Level");
  #axes = { activation: new Row("Activation", { centred: true }), valence: new Row("Valence", { centred: true }) };
  #shares = { confidence: new Row("Confidence"), novelty: new Row("Novelty") };
  #list = make("ul", { id: "emotions" });
  #emotions = [];

  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} ears a live region, which says whole utterances
   */
  constructor(root, ears) {
    this.ears = ears;
    const rows = [this.#level, ...Object.values(this.#axes), ...Object.values(this.#shares)];
    const figures = make("div", { className: "figures" }, ...rows.map(({ element }) => element));
    this.#list.setAttribute("aria-label", "Emotion");
    root.append(this.#headline, this.#when, make("div", { className: "readings" }, this.#list, figures));
  }

  show(state) {
    this.#state = state;
    this.#drawn = "";
    this.#told = state?.latest ?? null;
    this.#empty();
  }

  draw(now_ms) {
    const state = this.#state;
    const silentSince = state?.silentSince(now_ms) ?? null;
    const drawn = `${state?.session} ${state?.version} ${silentSince}`;
    if (!state || drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#drawInput(state, silentSince);
    if (state.latest) this.#drawEstimate(state.latest, silentSince === null);
    else this.#empty();
    this.#speak(state, now_ms);
  }

  #empty() {
    if (this.#state) write(this.#when, "Estimates come with the first second of speech.");
    for (const row of [...Object.values(this.#axes), ...Object.values(this.#shares)]) row.empty();
    this.#emotions = [];
    this.#list.replaceChildren();
  }

  #drawInput(state, silentSince) {
    const trouble = troubleOf(state, silentSince);
    const usual = state.speaking ? "speech" : "no speech";
    write(this.#headline, state.endedAt === null ? trouble || usual : `stream ended: ${state.reason}`);
    this.#headline.toggleAttribute("data-alarm", trouble !== "");
    this.#headline.toggleAttribute("data-speaking", state.speaking && !trouble);
    this.#drawLevel(state, silentSince);
  }

  /** What ended stands there with its last level; of one that is not heard nobody knows how loud it is. */
  #drawLevel({ status, endedAt }, silentSince) {
    if (!status || silentSince !== null) return this.#level.empty();
    const level_dbfs = Math.round(status.level_dbfs);
    this.#level.show(0, endedAt === null ? 1 - level_dbfs / QUIETEST_DBFS : 0, decibels(level_dbfs));
  }

  #drawEstimate(point, isHeard) {
    const which = point.final ? "last utterance" : isHeard ? "now" : "last estimate";
    write(this.#when, `${which}, ${point.speechS.toFixed(1)} s of speech`);
    for (const [name, row] of Object.entries(this.#axes)) {
      const end = 0.5 + point[name] / 2;
      row.show(Math.min(0.5, end), Math.max(0.5, end), signed(point[name]));
    }
    for (const [name, row] of Object.entries(this.#shares)) row.show(0, point[name], percent(point[name]));
    this.#drawEmotions(point);
  }

  #drawEmotions({ emotion, likeliest }) {
    const names = Object.keys(emotion);
    if (this.#emotions.length !== names.length) {
      this.#emotions = names.map(() => new Row("", {}, "li"));
      this.#list.replaceChildren(...this.#emotions.map(({ element }) => element));
    }
    names.forEach((name, index) => {
      const row = this.#emotions[index];
      row.element.dataset.emotion = name;
      row.element.classList.toggle("likeliest", name === likeliest);
      row.label(name);
      row.show(0, emotion[name], percent(emotion[name]));
    });
  }

  /** A reader of screens hears whole utterances, and not more often than it can say them. */
  #speak({ latest, speaking }, now_ms) {
    if (speaking || !latest?.final || latest === this.#told || now_ms - this.#spoken_ms < SPOKEN_EVERY_MS) return;
    this.#spoken_ms = now_ms;
    this.#told = latest;
    this.ears.textContent = said(latest);
  }
}

/** What is wrong with the input of a stream that did not end, in words; empty where nothing is. */
function troubleOf({ status, endedAt }, silentSince) {
  if (endedAt !== null) return "";
  if (silentSince !== null) return `nothing heard since ${clock(silentSince)}`;
  if (status?.muted) return "muted: nothing but zeros arrives";
  return status?.clipping ? "clipping: too loud" : "";
}
