/** Taking turns: what does not fit into a frame comes first in the next. */

/** @template T */
export class Turns {
  #budget_ms;
  #next = 0;

  /** @param {number} budget_ms after which no further one is begun; one is drawn in any case */
  constructor(budget_ms) {
    this.#budget_ms = budget_ms;
  }

  /** @param {T[]} items @param {(item: T) => void} draw */
  take(items, draw) {
    const begun_ms = performance.now();
    for (let drawn = 0; drawn < items.length; drawn += 1) {
      const item = items[this.#next % items.length];
      this.#next = (this.#next + 1) % items.length;
      draw(item);
      if (performance.now() - begun_ms > this.#budget_ms) return;
    }
  }
}
