/** How far each session was read: what tells repeated events from new ones, and where to go on. */

const SESSIONS = 4_096;
const QUERY_CHARACTERS = 6_000;
/** What servers of ours call sessions; others may call them anything. */
const NAMEABLE = /^[\x21-\x7e]{1,128}$/;

export class Cursors {
  /** The sessions in the order in which they last said something. */
  #read = new Map();

  constructor(read = {}) {
    for (const [session, seq] of Object.entries(read)) this.#read.set(session, { stream: null, seq, over: false });
  }

  get size() {
    return this.#read.size;
  }

  /** Note `event` as read; false where it, or all that it says is missing, was read before. */
  advance({ type, stream, session, seq, last_seq }) {
    const number = seq ?? last_seq ?? null;
    if (number === null) return true;
    const before = this.#read.get(session);
    if (!before) this.#makeRoomFor(stream);
    this.#read.delete(session);
    const over = type === "stream.ended" || Boolean(before?.over);
    this.#read.set(session, { stream, seq: Math.max(before?.seq ?? 0, number), over });
    return number > (before?.seq ?? 0);
  }

  /** The `since` of a query, as many as fit: of those left out too much is sent, and what was read recognised. */
  *inQuery() {
    let room = QUERY_CHARACTERS;
    for (const [session, { seq }] of [...this.#read].reverse()) {
      if (!NAMEABLE.test(session)) continue;
      const cursor = `${session}:${seq}`;
      room -= encodeURIComponent(cursor).length + "&since=".length;
      if (room < 0) return;
      yield cursor;
    }
  }

  /** Forget what the new session of `stream` makes old, and the most silent where there are too many. */
  #makeRoomFor(stream) {
    for (const [session, read] of this.#read) if (read.over && read.stream === stream) this.#read.delete(session);
    if (this.#read.size >= SESSIONS) this.#read.delete(this.#read.keys().next().value);
  }
}
