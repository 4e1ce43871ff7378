/** What the page knows of one stream: the last five minutes of it, whatever came over which connection. */

import { Ring } from "./ring.js";
import { pointOf, said } from "./point.js";
import { StreamClock } from "./stream-clock.js";
import { plain } from "./text.js";
import { LONGEST_MS } from "./view.js";

const USUAL_HOP_MS = 250;
const SHORTEST_HOP_MS = 50;
/** Estimates of whole regions, beside the rolling ones. */
const FINALS = 200;
const LEVELS = 400;
const REGIONS = 400;
const GAPS = 200;
const LOGGED = 200;
const SESSIONS = 16;

/**
 * @typedef {import("./point.js").Point} Point
 * @typedef {{time: number, start: number, dbfs: number, clipping: boolean, muted: boolean, speaking: boolean,
 *   delayMs: number | null, session: string, seq: number | null}} Level `time` is its end
 * @typedef {{start: number, end: number | null, session: string}} Region
 * @typedef {{start: number, end: number, kind: "audio" | "events", session: string, seq: number | null}} Hole
 * @typedef {{time: number, kind: "started" | "speech" | "gap" | "error" | "ended" | "connection", text: string}} Entry
 */

export class StreamState {
  session = null;
  source = "";
  model = "";
  windowS = null;
  hopMs = null;
  /** Ms since the epoch, as are all times here. */
  startedAt = null;
  endedAt = null;
  reason = "";
  speaking = false;
  /** @type {Ring<Point>} */
  points = new Ring(pointsAt(USUAL_HOP_MS));
  /** @type {Ring<Level>} */
  levels = new Ring(LEVELS);
  /** @type {Ring<Region>} */
  regions = new Ring(REGIONS);
  /** @type {Ring<Hole>} */
  gaps = new Ring(GAPS);
  /** @type {Ring<Entry>} */
  log = new Ring(LOGGED);
  /** The latest status event. */
  status = null;
  delay = { nowMs: null, p95Ms: null };
  /** @type {Point | null} */
  latest = null;
  /** Counts up with every change. */
  version = 0;
  #read = new Map();
  #clock = new StreamClock();
  #onEntry;

  /**
   * @param {string} name
   * @param {(entry: Entry) => void} [onEntry] hears what the log says
   */
  constructor(name, onEntry = () => {}) {
    this.name = name;
    this.#onEntry = onEntry;
  }

  /** What time it is in the stream; it stands still when nothing is heard. @param {number} now_ms of the page */
  now(now_ms) {
    return this.endedAt ?? this.#clock.at(now_ms);
  }

  /** What time it would be, were the stream heard. @param {number} now_ms of performance.now() */
  runningTime(now_ms) {
    return this.endedAt ?? this.#clock.running(now_ms);
  }

  /** Up to when the stream was heard, where it did not end and yet says nothing; or else null. */
  silentSince(now_ms) {
    return this.endedAt === null ? this.#clock.silentSince(now_ms) : null;
  }

  /** How long nothing has come, in ms. */
  silence(now_ms) {
    return this.#clock.silence(now_ms);
  }

  /** Whether somebody speaks, as far as is known. */
  isSpeaking(now_ms) {
    return this.speaking && this.silentSince(now_ms) === null;
  }

  /** Take an event once, also where it comes over several connections, or only what they knew less of. */
  take(event) {
    const number = event.seq ?? event.last_seq ?? null;
    if (this.session !== event.session) {
      if (this.#read.has(event.session)) return;
      this.#begin(event);
    }
    const read = this.#read.get(this.session);
    if (number !== null && number <= read) {
      if (event.embedding || event.features) this.#enrich(event);
      return;
    }
    if (number !== null) this.#read.set(this.session, number);
    this.#apply(event, Date.parse(event.start_time), Date.parse(event.end_time));
    this.version += 1;
  }

  /** Write into the log. @param {number} time @param {Entry["kind"]} kind @param {string} text */
  note(time, kind, text) {
    const entry = { time, kind, text };
    this.log.push(entry);
    this.#onEntry(entry);
    this.version += 1;
  }

  /** The number after which estimates lack what the large view shows. */
  lacking(since_ms) {
    for (const point of this.points) {
      if (point.session === this.session && point.time >= since_ms && !point.embedding) return point.seq - 1;
    }
    return this.#read.get(this.session) ?? 0;
  }

  #begin(event) {
    const start = Date.parse(event.start_time);
    const incomparable = this.model && this.model !== plain(event.model);
    if (incomparable || start < (this.latest?.time ?? -Infinity)) this.#clear();
    this.#read.set(event.session, 0);
    if (this.#read.size > SESSIONS) this.#read.delete(this.#read.keys().next().value);
    this.#closeRegion(this.latest?.time ?? start);
    Object.assign(this, { session: event.session, model: plain(event.model), startedAt: null, endedAt: null });
    Object.assign(this, { reason: "", speaking: false, status: null, delay: { nowMs: null, p95Ms: null } });
    this.#clock = new StreamClock();
  }

  #clear() {
    for (const ring of [this.points, this.levels, this.regions, this.gaps]) ring.clear();
    this.latest = null;
  }

  #apply(event, start, end) {
    this.#clock.hear(end, performance.now());
    this.#forget(end - LONGEST_MS);
    switch (event.type) {
      case "stream.started":
        this.#start(event, start);
        break;
      case "speech.started":
        this.speaking = true;
        this.#closeRegion(start);
        this.regions.push({ start, end: null, session: this.session });
        break;
      case "affect":
        this.#point(event, start, end);
        break;
      case "speech.ended":
        this.#endRegion(event, start, end);
        break;
      case "status":
        this.#level(event, start, end);
        break;
      case "gap":
        this.gaps.push({ start, end, kind: event.kind, session: this.session, seq: event.seq });
        this.note(end, "gap", missing(event));
        break;
      case "error":
        this.note(end, "error", plain(event.message));
        break;
      case "stream.ended":
        Object.assign(this, { endedAt: end, reason: plain(event.reason), speaking: false });
        this.#closeRegion(end);
        this.note(end, "ended", `stream ended: ${this.reason}`);
        break;
      default: // A newer server may tell more.
    }
  }

  #start(event, start) {
    const told = { source: plain(event.source), windowS: event.window_s, hopMs: event.hop_ms, startedAt: start };
    Object.assign(this, told);
    this.points.resize(pointsAt(this.hopMs));
    this.note(start, "started", `listening to ${this.source}`);
  }

  #point(event, start, time) {
    this.latest = pointOf(event, { start, time, session: this.session });
    this.points.push(this.latest);
  }

  #endRegion(event, start, end) {
    this.speaking = false;
    if (this.regions.at(-1)?.end !== null) this.regions.push({ start, end, session: this.session });
    this.#closeRegion(end);
    if (event.emotion) this.#point(event, start, end);
    if (event.emotion) this.note(end, "speech", `${event.speech_s.toFixed(1)} s of speech: ${said(this.latest)}`);
  }

  #closeRegion(end) {
    const open = this.regions.at(-1);
    if (open && open.end === null) open.end = end;
  }

  #level(event, start, time) {
    const { level_dbfs: dbfs, clipping, muted, speaking, delay_ms: delayMs, seq } = event;
    const { session } = this;
    Object.assign(this, { status: event, speaking });
    this.levels.push({ time, start, dbfs, clipping, muted, speaking, delayMs, session, seq });
    this.delay = { nowMs: delayMs, p95Ms: p95(this.levels, session) };
  }

  /** What is over before `time` is seen no more. The newest estimate stays known. */
  #forget(time) {
    for (const ring of [this.points, this.levels]) ring.dropWhile((item) => item.time < time);
    for (const ring of [this.regions, this.gaps]) ring.dropWhile(({ end }) => end !== null && end < time);
  }

  /** Add what only the connection of the large view tells to an estimate that is here already. */
  #enrich(event) {
    const point = this.#find(event.seq);
    if (!point || (point.embedding && point.features)) return;
    point.embedding ??= event.embedding ?? null;
    point.features ??= event.features ?? null;
    this.version += 1;
  }

  #find(seq) {
    let low = 0;
    let high = this.points.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const point = this.points.at(middle);
      if (point.session === this.session && point.seq === seq) return point;
      if (point.session !== this.session || point.seq < seq) low = middle + 1;
      else high = middle - 1;
    }
    return null;
  }
}

/** How many estimates come in the longest time that is seen. */
function pointsAt(hopMs) {
  const hop_ms = Math.max(SHORTEST_HOP_MS, Number(hopMs) || USUAL_HOP_MS);
  return Math.ceil(LONGEST_MS / hop_ms) + FINALS;
}

function missing({ kind, first_seq, last_seq }) {
  if (kind === "audio") return "audio is missing";
  return `events ${first_seq ?? "before"} to ${last_seq ?? "now"} are missing`;
}

function p95(levels, session) {
  const delays_ms = [];
  for (const level of levels) if (level.session === session && level.delayMs !== null) delays_ms.push(level.delayMs);
  delays_ms.sort((one, other) => one - other);
  return delays_ms.length ? delays_ms[Math.ceil(0.95 * delays_ms.length) - 1] : null;
}
