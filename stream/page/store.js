/** What all streams said, as the components of the page draw it. */

import { LeftOut } from "./left-out.js";
import { Ring } from "./ring.js";
import { StreamState } from "./state.js";
import { LONGEST_MS } from "./view.js";

/** As many as a page can draw; servers may have more. */
export const STREAMS = 64;
const NAME_CHARACTERS = 64;
const LOGGED = 300;

export class Store {
  /** @type {Map<string, StreamState>} */
  streams = new Map();
  /** What the logs of all streams say, in the order in which it came. */
  log = new Ring(LOGGED);
  /** Counts up with every change. */
  version = 0;
  #leftOut = new LeftOut();
  #kept = new Set();

  /** Take an event of the wire (see /schema.json); one that was taken before changes nothing. */
  take(event) {
    const { stream: name } = event;
    if (typeof name !== "string" || name.length > NAME_CHARACTERS) return;
    const state = this.streams.get(name) ?? this.#begin(name, event);
    if (!state) return;
    const before = state.version;
    state.take(event);
    this.version += state.version - before;
  }

  /** Let these streams have a place whenever they come, and keep it: someone wants to see them. */
  keep(...names) {
    this.#kept = new Set(names);
  }

  /** How many streams there are for which there is no place. */
  leftOut(now_ms) {
    return this.#leftOut.count(now_ms);
  }

  /** Note in the log of every stream that is not over what happened to the page itself. */
  note(kind, text) {
    const now_ms = performance.now();
    for (const state of this.streams.values()) {
      if (state.endedAt === null) state.note(state.runningTime(now_ms), kind, text);
    }
    this.version += 1;
  }

  #begin(name, { type }) {
    if (!this.#makeRoomFor(name, type)) return null;
    const state = new StreamState(name, (entry) => this.log.push({ ...entry, stream: name }));
    this.streams.set(name, state);
    return state;
  }

  /** What is over goes for what begins. One that is live stays: taking turns would cut off the past of each. */
  #makeRoomFor(name, type) {
    const now_ms = performance.now();
    this.#leftOut.forget(name);
    const isOver = type === "stream.ended";
    while (!isOver && this.streams.size >= STREAMS && this.#dropOneThatIsOver(now_ms));
    if (this.streams.size < STREAMS || this.#kept.has(name)) return true;
    if (!isOver) this.#leftOut.hear(name, now_ms);
    return false;
  }

  /** One whose end was not told is over when all that is known of it is too old to be seen. */
  #dropOneThatIsOver(now_ms) {
    const isOver = (state) => state.endedAt !== null || state.silence(now_ms) > LONGEST_MS;
    for (const [name, state] of this.streams) {
      if (!this.#kept.has(name) && isOver(state)) return this.streams.delete(name);
    }
    return false;
  }
}
