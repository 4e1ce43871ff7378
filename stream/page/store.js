/** What all streams said, as the components of the page draw it. */

import { StreamState } from "./state.js";

const STREAMS = 64;
const NAME_CHARACTERS = 64;

export class Store {
  /** @type {Map<string, StreamState>} */
  streams = new Map();

  /** Take an event of the wire (see /schema.json); one that was taken before changes nothing. */
  take(event) {
    const { stream: name } = event;
    if (typeof name !== "string" || name.length > NAME_CHARACTERS) return;
    let state = this.streams.get(name);
    if (!state) {
      if (this.streams.size >= STREAMS) this.streams.delete(this.#leastWanted());
      state = new StreamState(name);
      this.streams.set(name, state);
    }
    state.take(event);
  }

  /** Of too many streams the first that is over goes, or else the first. */
  #leastWanted() {
    for (const [name, { endedAt }] of this.streams) if (endedAt !== null) return name;
    return this.streams.keys().next().value;
  }
}
