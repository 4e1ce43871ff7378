/** What the browser keeps for this page; where it keeps nothing for pages, it lasts as long as the page stays open. */

class Kept {
  #entries = new Map();
  #reach;

  /** @param {() => globalThis.Storage} reach browsers that keep nothing throw already here */
  constructor(reach) {
    this.#reach = reach;
  }

  /** @param {string} key @returns {string | null} */
  get(key) {
    try {
      return this.#entries.get(key) ?? this.#reach().getItem(key);
    } catch {
      return null;
    }
  }

  /** @param {string} key @param {string} value */
  set(key, value) {
    this.#entries.set(key, value);
    try {
      this.#reach().setItem(key, value);
    } catch {
      // It may be blocked, or full.
    }
  }
}

export const ofThisBrowser = new Kept(() => localStorage);
export const ofThisTab = new Kept(() => sessionStorage);
