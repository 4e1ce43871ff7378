/** The state of the connection, in words: also how it was lost, and for how long. */

import { lasting, plain } from "./text.js";

export class Connection {
  /** One of waiting, connected, lost and refused. */
  state = "waiting";
  words = "connecting";
  #element;
  #store;
  #lost_ms = null;

  /**
   * @param {HTMLElement} element a live region
   * @param {import("./store.js").Store} store whose logs tell of losses
   */
  constructor(element, store) {
    this.#element = element;
    this.#store = store;
  }

  /** What goes on failing is said once: again and again is no news to who listens to a screen reader. */
  tell({ state, why }) {
    if (state === "connecting" || state === this.state) return;
    if (state === "connected") this.#tellReturn();
    else this.#tellLoss(state, plain(why));
    this.state = state;
    this.#element.dataset.state = state;
    this.#element.textContent = this.words;
  }

  #tellReturn() {
    this.words = "connected";
    if (this.#lost_ms !== null) {
      const away_s = (performance.now() - this.#lost_ms) / 1000;
      this.#store.note("connection", `connected again after ${lasting(away_s)}`);
    }
    this.#lost_ms = null;
  }

  #tellLoss(state, why) {
    this.words = state === "lost" ? `connection lost: ${why}; trying again every few seconds` : `refused: ${why}`;
    if (this.#lost_ms === null) this.#store.note("connection", `connection lost: ${why}`);
    this.#lost_ms ??= performance.now();
  }
}
