/** What time it is in a stream, and since when it has said nothing: all in ms, `now_ms` of performance.now(). */

/** How far the clock of the events may fall behind the one of this machine until it is set anew. */
const SLACK_MS = 3_000;
/** A status comes with every second of audio. */
const SILENT_MS = 5_000;

export class StreamClock {
  #newest = null;
  #heard_ms = null;
  #ahead_ms = null;

  /** The stream tells of what was heard up to `end`, in ms since the epoch. */
  hear(end, now_ms) {
    const ahead_ms = end - now_ms;
    const off = this.#ahead_ms === null || ahead_ms > this.#ahead_ms || ahead_ms < this.#ahead_ms - SLACK_MS;
    if (off) this.#ahead_ms = ahead_ms;
    this.#newest = Math.max(this.#newest ?? end, end);
    this.#heard_ms = now_ms;
  }

  /** Up to when it was heard, where nothing has come for long; null while something comes. */
  silentSince(now_ms) {
    return this.#heard_ms === null || now_ms - this.#heard_ms <= SILENT_MS ? null : this.#newest;
  }

  /**
   * What time it is there, going on while it is heard. Clocks of other machines are off, files are heard faster than
   * they last, and recordings are of the past.
   */
  at(now_ms) {
    return this.silentSince(now_ms) ?? this.running(now_ms);
  }

  /** What time it would be there, were it heard. */
  running(now_ms) {
    return this.#ahead_ms === null ? Date.now() : now_ms + this.#ahead_ms;
  }

  /** How long nothing has come, in ms. */
  silence(now_ms) {
    return this.#heard_ms === null ? 0 : now_ms - this.#heard_ms;
  }
}
