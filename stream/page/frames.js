/** The one loop that draws, and how long its work takes. */

import { Ring } from "./ring.js";

const MEASURED = 2_000;

export class Frames {
  #work_ms = new Ring(MEASURED);
  #taken_ms = 0;
  #draw;

  /** @param {(now_ms: number) => void} draw */
  constructor(draw) {
    this.#draw = draw;
  }

  /** The work of the last frames in ms, oldest first: what came since the frame before was taken in, and drawn. */
  get work_ms() {
    return [...this.#work_ms];
  }

  /** Do something between frames that counts as work of the next. @param {() => void} work */
  count(work) {
    const begun_ms = performance.now();
    work();
    this.#taken_ms += performance.now() - begun_ms;
  }

  start() {
    requestAnimationFrame(() => this.start());
    const begun_ms = performance.now();
    this.#draw(begun_ms);
    this.#work_ms.push(performance.now() - begun_ms + this.#taken_ms);
    this.#taken_ms = 0;
  }
}
