/** What all streams said, as the components of the page draw it. */

import { Ring } from "./ring.js";
import { StreamState } from "./state.js";

const STREAMS = 64;
const NAME_CHARACTERS = 64;
const LOGGED = 300;

export class Store {
  /** @type {Map<string, StreamState>} */
  streams = new Map();
  /** What the logs of all streams say, in the order in which it came. */
  log = new Ring(LOGGED);
  /** Counts up with every change. */
  version = 0;

  /** Take an event of the wire (see /schema.json); one that was taken before changes nothing. */
  take(event) {
    const { stream: name } = event;
    if (typeof name !== "string" || name.length > NAME_CHARACTERS) return;
    const state = this.streams.get(name) ?? this.#begin(name);
    const before = state.version;
    state.take(event);
    this.version += state.version - before;
  }

  /** Note in the log of every stream that is not over what happened to the page itself. */
  note(kind, text) {
    const now_ms = performance.now();
    for (const state of this.streams.values()) {
      if (state.endedAt === null) state.note(state.now(now_ms), kind, text);
    }
    this.version += 1;
  }

  #begin(name) {
    if (this.streams.size >= STREAMS) this.streams.delete(this.#leastWanted());
    const state = new StreamState(name, (entry) => this.log.push({ ...entry, stream: name }));
    this.streams.set(name, state);
    return state;
  }

  /** Of too many streams the first that is over goes, or else the first. */
  #leastWanted() {
    for (const [name, { endedAt }] of this.streams) if (endedAt !== null) return name;
    return this.streams.keys().next().value;
  }
}
