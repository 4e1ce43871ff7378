/**
 * The connections of the page: one follows all streams, without what only the large view shows; the other the stream
 * of the large view, with it. The store takes what comes twice only once.
 */

import { follow, RefusedError } from "./client.js";

/** How far back the large view needs everything. */
const SHOWN_MS = 300_000;

export class Following {
  #store;
  #onState;
  #token;
  #all = new AbortController();
  #large = new AbortController();
  #followed = null;

  /**
   * @param {import("./store.js").Store} store
   * @param {(event: object) => void} take
   * @param {(state: {state: string, why?: string, retry_ms?: number}) => void} onState hears "refused" too
   */
  constructor(store, take, onState) {
    this.#store = store;
    this.take = take;
    this.#onState = onState;
  }

  /** Follow all streams until the server refuses. @param {string} [token] */
  async start(token) {
    this.#all.abort();
    this.#all = new AbortController();
    this.#token = token;
    this.#followed = null;
    const { signal } = this.#all;
    await this.#run({ since: 0, embedding: false, signal, onState: this.#onState }, ({ code, message }) => {
      this.#onState({ state: "refused", why: message, code });
    });
  }

  /** Follow the stream `name` in full, in place of the one before, from what is lacking on. */
  enlarge(name) {
    const state = this.#store.streams.get(name);
    if (!state || this.#followed === name) return;
    this.#large.abort();
    this.#large = new AbortController();
    this.#followed = name;
    // By its session: a bare number would leave out as many events of one that begins while the line is cut.
    const since = { [state.session]: state.lacking((state.latest?.time ?? 0) - SHOWN_MS) };
    const { signal } = this.#large;
    // Where the server refuses this one it refuses the other too, and that is told.
    this.#run({ stream: name, since, features: true, signal }, () => {});
  }

  async #run(options, onRefused) {
    try {
      for await (const event of follow({ ...options, token: this.#token })) this.take(event);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      onRefused(error);
    }
  }
}
