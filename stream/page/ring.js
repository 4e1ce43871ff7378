/** The newest of what came, oldest first: what a page keeps of a stream without growing. */

/** @template T */
export class Ring {
  #items = [];
  #start = 0;

  /** @param {number} capacity how many are kept; the oldest goes for the newest */
  constructor(capacity) {
    this.capacity = capacity;
  }

  /** How many there are. */
  get length() {
    return this.#items.length;
  }

  /** @param {T} item */
  push(item) {
    if (this.#items.length < this.capacity) {
      this.#items.push(item);
      return;
    }
    this.#items[this.#start] = item;
    this.#start = (this.#start + 1) % this.capacity;
  }

  /**
   * The item at `index`, counted from the oldest, or from the newest where it is negative.
   * @param {number} index
   * @returns {T | undefined}
   */
  at(index) {
    const { length } = this.#items;
    const place = index < 0 ? length + index : index;
    return place >= 0 && place < length ? this.#items[(this.#start + place) % length] : undefined;
  }

  clear() {
    this.#items = [];
    this.#start = 0;
  }

  *[Symbol.iterator]() {
    for (let index = 0; index < this.length; index += 1) yield this.at(index);
  }
}
