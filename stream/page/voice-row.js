/** One named feature: its value, how far it is from usual as a bar that diverges, and the same in words. */

import { make, write } from "./dom.js";
import { comparison, written } from "./features.js";

/** The standard score at which the bar is full. */
export const FULL_SCORE = 3;

const score = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;

export class VoiceRow {
  element = make("li");
  #feature;
  #value = make("span", { className: "voice-value" });
  #bar = make("span", { className: "voice-bar" });
  #score = make("span", { className: "voice-score" });
  #words = make("span", { className: "voice-words" });

  /** @param {import("./features.js").NamedFeature} feature */
  constructor(feature) {
    this.#feature = feature;
    this.element.title = feature.name;
    const label = make("span", { className: "voice-label", text: feature.label });
    this.#bar.append(make("i"));
    this.#bar.setAttribute("aria-hidden", "true");
    this.element.append(label, this.#value, this.#bar, this.#score, this.#words);
  }

  /**
   * @param {[number, number] | null} pair value and standard score; null where there is none
   * @param {number | null} usual
   * @param {string} absence why there is none
   */
  show(pair, usual, absence) {
    this.element.classList.toggle("absent", !pair);
    if (!pair) {
      write(this.#value, "–");
      write(this.#score, "");
      write(this.#words, absence);
      return;
    }
    const [value, standard] = pair;
    const compared = comparison(this.#feature, standard);
    const than = usual === null ? "" : `, usually ${this.#feature.figure(usual)}`;
    write(this.#value, written(this.#feature, value));
    write(this.#score, score(standard));
    write(this.#words, `${compared}${than}`);
    this.#fill(standard);
  }

  /** Mark as one of those farthest from usual. */
  mark(isFarthest) {
    this.element.classList.toggle("farthest", isFarthest);
  }

  #fill(standard) {
    const reach = Math.min(1, Math.abs(standard) / FULL_SCORE) / 2;
    const { style } = this.#bar.firstChild;
    style.left = `${100 * (standard < 0 ? 0.5 - reach : 0.5)}%`;
    style.width = `${100 * reach}%`;
    this.#bar.classList.toggle("beyond-less", standard < -FULL_SCORE);
    this.#bar.classList.toggle("beyond-more", standard > FULL_SCORE);
  }
}
