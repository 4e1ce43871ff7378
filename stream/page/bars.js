/** Rows of a word, a bar and its value in figures. */

import { make, write } from "./dom.js";

export class Row {
  #label;
  #fill = make("i");
  #value = make("span", { className: "value", text: "–" });

  /** @param {string} label @param {{centred?: boolean}} [options] centred: the bar begins in its middle */
  constructor(label, { centred = false } = {}, tag = "div") {
    this.#label = make("span", { text: label });
    const bar = make("span", { className: centred ? "bar centred" : "bar" }, this.#fill);
    bar.setAttribute("aria-hidden", "true");
    this.element = make(tag, { className: "row" }, this.#label, bar, this.#value);
  }

  /** @param {number} from @param {number} to in [0, 1], from left to right @param {string} text */
  show(from, to, text) {
    const [begin, end] = [from, to].map((share) => Math.max(0, Math.min(1, share)));
    this.#fill.style.transform = `translateX(${100 * begin}%) scaleX(${end - begin})`;
    write(this.#value, text);
  }

  /** There is nothing to show. */
  empty() {
    this.show(0, 0, "–");
  }

  label(text) {
    write(this.#label, text);
  }
}
