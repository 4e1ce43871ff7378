/** What a chart says to those who hear the page: it is a slider along its moments, with its values in words. */

/** A screen reader repeats each change of what has the focus: no more often than it can say it. */
const EVERY_MS = 1_000;

export class Spoken {
  #element;
  #toldMs = -EVERY_MS;

  /** @param {HTMLElement} element that takes the keys @param {string} label */
  constructor(element, label) {
    this.#element = element;
    element.setAttribute("role", "slider");
    element.setAttribute("aria-label", label);
    element.setAttribute("aria-orientation", "horizontal");
    element.setAttribute("aria-valuemin", "0");
    element.setAttribute("aria-valuemax", "0");
    element.setAttribute("aria-valuenow", "0");
  }

  /** Let the next text be told at once: it answers a key. */
  hurry() {
    this.#toldMs = -Infinity;
  }

  tell(text, { now, most }, nowMs) {
    if (nowMs - this.#toldMs < EVERY_MS || text === this.#element.getAttribute("aria-valuetext")) return;
    this.#toldMs = nowMs;
    this.#element.setAttribute("aria-valuemax", String(Math.max(0, most)));
    this.#element.setAttribute("aria-valuenow", String(Math.max(0, now)));
    this.#element.setAttribute("aria-valuetext", text);
  }
}
