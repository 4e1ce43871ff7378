/** What a chart says to those who hear the page: it is a slider along its moments, with its values in words. */

/** How often the words follow while nobody hears them. */
const EVERY_MS = 1_000;
/** A screen reader repeats each change of what has the focus: unasked it hears whole utterances, and not often. */
const UNASKED_EVERY_MS = 8_000;

export class Spoken {
  #element;
  #newest = null;
  /** Of a whole utterance, not told yet. */
  #whole = null;
  #hurried = false;
  #toldMs = -Infinity;

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

  /** Let what holds at the next `flush` be told at once: it answers a key. */
  hurry() {
    this.#hurried = true;
  }

  /**
   * Tell this when it is time.
   * @param {string} text
   * @param {{now: number, most: number, whole: boolean}} place along the slider; whether it is of a whole utterance
   */
  tell(text, { now, most, whole }) {
    this.#newest = { text, now, most };
    if (whole) this.#whole = this.#newest;
  }

  /** Tell what is due: with every frame, as time passes also while nothing is drawn. @param {number} nowMs */
  flush(nowMs) {
    const unasked = !this.#hurried && document.activeElement === this.#element;
    const told = unasked ? this.#whole : this.#newest;
    const everyMs = unasked ? UNASKED_EVERY_MS : EVERY_MS;
    if (told === null || (!this.#hurried && nowMs - this.#toldMs < everyMs)) return;
    this.#hurried = false;
    this.#whole = null;
    if (told.text === this.#element.getAttribute("aria-valuetext")) return;
    this.#toldMs = nowMs;
    this.#element.setAttribute("aria-valuemax", String(Math.max(0, told.most)));
    this.#element.setAttribute("aria-valuenow", String(Math.max(0, told.now)));
    this.#element.setAttribute("aria-valuetext", told.text);
  }
}
