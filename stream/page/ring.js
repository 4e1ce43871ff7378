/** The newest of what came, oldest first: what a page keeps of a stream without growing. */

/** @template T */
export class Ring {
  #items = [];
  /** Those before it are gone. */
  #start = 0;
  #capacity;

  /** @param {number} capacity how many are kept; the oldest goes for the newest */
  constructor(capacity) {
    this.#capacity = capacity;
  }

  /** How many there are. */
  get length() {
    return this.#items.length - this.#start;
  }

  /** Keep `capacity` from now on. */
  resize(capacity) {
    this.#capacity = capacity;
    while (this.length > capacity) this.#drop();
  }

  /** @param {T} item */
  push(item) {
    this.#items.push(item);
    if (this.length > this.#capacity) this.#drop();
  }

  /** Let the oldest go as long as they are too old. @param {(item: T) => boolean} isTooOld */
  dropWhile(isTooOld) {
    while (this.length && isTooOld(this.#items[this.#start])) this.#drop();
  }

  /**
   * The item at `index`, counted from the oldest, or from the newest where it is negative.
   * @param {number} index
   * @returns {T | undefined}
   */
  at(index) {
    const place = (index < 0 ? this.#items.length : this.#start) + index;
    return place >= this.#start ? this.#items[place] : undefined;
  }

  clear() {
    this.#items = [];
    this.#start = 0;
  }

  *[Symbol.iterator]() {
    for (let index = 0; index < this.length; index += 1) yield this.at(index);
  }

  /** The places of what is gone are given back now and then: each time costs what is kept. */
  #drop() {
    this.#items[this.#start] = undefined;
    this.#start += 1;
    if (2 * this.#start < this.#items.length) return;
    this.#items = this.#items.slice(this.#start);
    this.#start = 0;
  }
}
