/** Follow the events of a server: reconnect, miss nothing, repeat nothing. */

import { Cursors } from "./cursors.js";
import { Backoff, endpoint, isFinal, open, RefusedError } from "./link.js";

const QUEUED_EVENTS = 2_048;
const ENDED = "stream.ended";

/**
 * Yield events as they happen, as objects (see /schema.json); leave the loop to close the connection.
 *
 * A connection that is lost is taken up again where it was; what the server no longer holds comes as its `gap`.
 * Nothing piles up for a loop that is slow: the connection is closed, and opened again when it has caught up.
 * Ends by itself only with `untilEnd`, with `signal`, or by a RefusedError that trying again would not change.
 *
 * url: ws:// or wss:// (or http, https); by default the server that the page came from.
 * stream: a name or several; by default all, with those that begin later.
 * since: where to begin: by default now; 0 all that is held; a number, or { session: number } for each session.
 * types: only events of these types. features: ask for them. embedding: false leaves it out.
 * token: what a server with tokens demands. untilEnd: end after the last of these streams has ended.
 * onState: called with { state: "connecting" | "connected" | "lost", why, retry_ms }.
 * signal: an AbortSignal that ends the loop, also while it waits.
 */
export async function* follow(options = {}) {
  const { url, since: begin = null, untilEnd = false, token, signal, onState = () => {}, ...asked } = options;
  const since = typeof begin === "object" && begin && !Object.keys(begin).length ? 0 : begin;
  const wanted = { ...asked, streams: [asked.stream ?? []].flat().filter((name) => name !== "*"), since, untilEnd };
  const cursors = new Cursors(typeof since === "object" && since ? since : {});
  const ends = new Ends(wanted.streams);
  const backoff = new Backoff();
  for (let followedFrom_ms = null; !signal?.aborted; ) {
    onState({ state: "connecting" });
    const begun_ms = Date.now();
    const events = address(endpoint(url, "/v1/events"), wanted, cursors, followedFrom_ms);
    const inbox = new Inbox(open(events, token), signal);
    inbox.socket.onopen = () => {
      followedFrom_ms ??= begun_ms;
      onState({ state: "connected" });
    };
    try {
      for await (const event of inbox.events()) {
        backoff.reset();
        if (!cursors.advance(event)) continue;
        if (!hidden(wanted, event)) yield event;
        if (ends.reachedWith(event) && untilEnd) return;
      }
    } finally {
      inbox.close();
    }
    if (inbox.overflowed || signal?.aborted) continue;
    const { code, reason } = inbox.closed;
    if (isFinal(code)) throw new RefusedError(reason || String(code));
    const retry_ms = backoff.next();
    onState({ state: "lost", why: reason || "no connection", retry_ms });
    await pause(retry_ms, signal);
  }
}

/**
 * The sessions followed are named with the last number read. A replay that was cut off may not have reached every
 * stream, so all who asked for one ask for those again whole; who follows from now on, for what came since.
 */
function address(url, { streams, types = [], features, embedding = true, since, untilEnd }, cursors, followedFrom_ms) {
  const query = url.searchParams;
  for (const name of streams) query.append("stream", name);
  for (const type of types) query.append("type", type);
  if (untilEnd && types.length && !types.includes(ENDED)) query.append("type", ENDED);
  if (features) query.set("features", "1");
  if (!embedding) query.set("embedding", "0");
  const read = [...cursors.inQuery()];
  for (const cursor of read) query.append("since", cursor);
  if (typeof since === "number") query.append("since", read.length ? 0 : since);
  else if (since && (followedFrom_ms !== null || read.length < cursors.size)) query.append("since", 0);
  else if (!since && followedFrom_ms !== null) query.append("since", age(followedFrom_ms));
  return url;
}

/** How long ago, as servers take it; by the wall clock, since others stand still while a laptop sleeps. */
function age(time_ms) {
  return `${(Math.max(0, Date.now() - time_ms) / 1_000).toFixed(3)}s`;
}

/** Whether `event` was asked for only to know the end. */
function hidden({ types = [] }, { type }) {
  return type === ENDED && types.length > 0 && !types.includes(ENDED);
}

function pause(wait_ms, signal) {
  return new Promise((resolve) => {
    const goOn = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", goOn);
      resolve();
    };
    const timer = setTimeout(goOn, wait_ms);
    signal?.addEventListener("abort", goOn);
  });
}

/** Watches whether every stream has ended: those named, or else all that were seen. */
class Ends {
  #ended = new Set();
  #open = new Set();

  constructor(named) {
    this.named = named;
  }

  reachedWith({ type, stream }) {
    if (type !== ENDED) {
      this.#open.add(stream);
      return false;
    }
    this.#ended.add(stream);
    this.#open.delete(stream);
    return this.named.length ? this.named.every((name) => this.#ended.has(name)) : this.#open.size === 0;
  }
}

/** What one socket brings, in order. Sockets of browsers cannot be made to wait, so a full inbox closes its own. */
class Inbox {
  overflowed = false;
  closed = null;
  #messages = [];
  #wake = () => {};

  constructor(socket, signal) {
    this.socket = socket;
    this.signal = signal;
    this.abort = () => this.#end({ code: 1000, reason: "" });
    signal?.addEventListener("abort", this.abort, { once: true });
    socket.onmessage = ({ data }) => this.#put(data);
    socket.onclose = ({ code, reason }) => this.#end({ code, reason });
  }

  async *events() {
    for (let read = 0; ; read = 0) {
      const messages = this.#messages;
      this.#messages = [];
      while (read < messages.length) yield JSON.parse(messages[read++]);
      if (this.#messages.length) continue;
      if (this.closed) return;
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close() {
    this.signal?.removeEventListener("abort", this.abort);
    this.socket.onmessage = this.socket.onclose = this.socket.onopen = null;
    this.socket.close();
  }

  #put(data) {
    this.#messages.push(data);
    this.#wake();
    if (this.#messages.length < QUEUED_EVENTS) return;
    this.overflowed = true;
    this.socket.close();
    this.#end({ code: 1000, reason: "" });
  }

  #end(closed) {
    this.closed ??= closed;
    this.socket.onmessage = this.socket.onclose = null;
    this.#wake();
  }
}
