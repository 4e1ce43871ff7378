/** The streams that the page has no room for: how many of them still say something. */

/** A status comes every second; one that says nothing for as long is gone, also where its end was not told. */
const GONE_MS = 60_000;
/** So many names are told apart. */
export const MOST = 2_000;

export class LeftOut {
  /** When each last said something, the most silent first. @type {Map<string, number>} */
  #heard = new Map();

  /** Note that the stream `name` said something that nobody sees. */
  hear(name, now_ms) {
    this.#heard.delete(name);
    if (this.#heard.size < MOST) this.#heard.set(name, now_ms);
  }

  /** The stream `name` is over, or has its place. */
  forget(name) {
    this.#heard.delete(name);
  }

  /** How many there are. */
  count(now_ms) {
    for (const [name, heard_ms] of this.#heard) {
      if (now_ms - heard_ms < GONE_MS) break;
      this.#heard.delete(name);
    }
    return this.#heard.size;
  }
}
