/** Send audio to a server: survive a lost connection by keeping what was not acknowledged and going on there. */

import { Backoff, endpoint, isFinal, open, RefusedError } from "./link.js";
import { Outbox } from "./outbox.js";

const SAMPLE_BYTES = { pcm_s16le: 2, pcm_f32le: 4, mulaw: 1 };
const BUFFER_BYTES = 8_388_608;
/** Longer audio is sent in several messages: servers limit their length. */
const PIECE_BYTES = 32_768;
/** What may wait in the browser's own buffer, of which nothing can be taken back. */
const SOCKET_BYTES = 262_144;
const TEND_MS = 100;
/** Without an acknowledgement for so long, though audio was sent, the connection is given up. */
const SILENCE_MS = 15_000;

/**
 * Open a stream and return its Sender at once; what is pushed before the server is there waits.
 *
 * url, token: as for follow. stream: its name.
 * rate, channels, format ("pcm_s16le", "pcm_f32le" or "mulaw"): what is sent; channels are interleaved.
 * channel: listen to this one only, counted from 1. live: false where it was recorded before, and can wait.
 * bufferBytes: what is kept while the server is away; beyond that the oldest is dropped, and published as a gap.
 * onState: called with { state: "connecting" | "connected" | "lost" | "refused" | "ended", why, code, retry_ms }.
 * onAck: called with the frames that the server has taken. onBuffered: with those that it has not.
 */
export function send(options) {
  return new Sender(options);
}

class Sender {
  /** Resolves to the summary after `end`; rejects with a RefusedError where the server will not have it. */
  finished;
  session = null;
  #address;
  #token;
  #tell;
  #hello;
  #outbox;
  #origin = 0;
  #socket = null;
  #ready = false;
  #ending = false;
  #endSaid = false;
  #over = false;
  #refused = null;
  #heard_ms = 0;
  #backoff = new Backoff();
  #settle;
  #timer;

  constructor({ url, token, bufferBytes = BUFFER_BYTES, onState, onAck, onBuffered, ...audio }) {
    const { stream, rate = 16_000, channels = 1, channel, format = "pcm_s16le", live = true } = audio;
    if (!Object.hasOwn(SAMPLE_BYTES, format)) {
      throw new TypeError(`There is no format ${format}: choose among ${Object.keys(SAMPLE_BYTES)}.`);
    }
    this.#hello = { type: "hello", stream, rate, channels, format, live, ...(channel ? { channel } : {}) };
    this.#outbox = new Outbox(SAMPLE_BYTES[format] * channels, bufferBytes);
    this.#address = endpoint(url, "/v1/ingest");
    this.#token = token;
    this.#tell = { state: onState ?? (() => {}), ack: onAck ?? (() => {}), buffered: onBuffered ?? (() => {}) };
    this.finished = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.finished.catch(() => {}); // Whoever wants to know asks; the others were told by onState.
    this.#connect();
    this.#timer = setInterval(() => this.#tend(), TEND_MS);
  }

  /** Frames that the server has taken. */
  get acknowledged() {
    return this.#outbox.start;
  }

  /** Frames that it has not. */
  get buffered() {
    return this.#outbox.end - this.#outbox.start;
  }

  /** Frames that it was told it will not get. */
  get skipped() {
    return this.#outbox.skipped;
  }

  /** Frames that it will not get: those, and what was dropped and is yet to be told. */
  get lost() {
    return this.#outbox.lost;
  }

  /** Send whole frames: an Int16Array or a Float32Array in [-1, 1]; for mu-law a Uint8Array. */
  push(samples) {
    this.#checkOpen();
    const bytes = encoded(samples, this.#hello.format);
    const { frameBytes } = this.#outbox;
    if (bytes.length % frameBytes) throw new RangeError("These are not whole frames of all channels.");
    const step = PIECE_BYTES - (PIECE_BYTES % frameBytes);
    for (let at = 0; at < bytes.length; at += step) this.#outbox.push(bytes.subarray(at, at + step));
    this.#flush();
  }

  /** Say that so many frames are missing here. */
  skip(frames) {
    this.#checkOpen();
    this.#outbox.skip(frames);
    this.#flush();
  }

  /** Say that someone else speaks from here on. */
  newSpeaker() {
    this.#checkOpen();
    this.#outbox.newSpeaker();
    this.#flush();
  }

  /** Send what is held; resolves to the summary after the last event. */
  end() {
    this.#ending = true;
    this.#flush();
    return this.finished;
  }

  /** Leave without an end: the stream waits on the server for another sender. */
  close() {
    this.#finish(() => this.#settle.reject(new Error("the sender was closed")));
  }

  #connect() {
    this.#tell.state({ state: "connecting" });
    this.#refused = null;
    this.#heard_ms = performance.now();
    const socket = open(this.#address, this.#token);
    this.#socket = socket;
    const hello = this.session ? { ...this.#hello, session: this.session } : this.#hello;
    socket.onopen = () => socket.send(JSON.stringify(hello));
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#lose(code, reason);
  }

  #take(said) {
    this.#heard_ms = performance.now();
    if (said.type === "ready") this.#resume(said);
    else if (said.type === "ack") this.#acknowledge(this.#origin + said.sample);
    else if (said.type === "error") this.#refused = said;
    else if (said.type === "summary" && this.#ending) {
      this.#acknowledge(this.#outbox.end);
      this.#finish(() => this.#settle.resolve(said));
      this.#tell.state({ state: "ended" });
    }
  }

  #resume({ session, sample }) {
    // What an old session acknowledged belongs to it; a new one begins with what is left.
    if (session !== this.session) this.#origin = this.#outbox.start - sample;
    // Where somebody else went on with this one, what follows comes after theirs.
    else this.#origin = Math.min(this.#origin, this.#outbox.end - sample);
    this.session = session;
    this.#outbox.resume(this.#origin + sample);
    this.#ready = true;
    this.#tell.state({ state: "connected" });
    this.#flush();
  }

  #acknowledge(position) {
    this.#outbox.acknowledge(position);
    this.#backoff.reset();
    this.#tell.ack(this.acknowledged);
    this.#tell.buffered(this.buffered);
  }

  #lose(code, reason) {
    this.#ready = this.#endSaid = false;
    // Until the server says how far it got, nothing that it did not acknowledge counts as sent.
    this.#outbox.resume(this.#outbox.start);
    const { code: name = reason, message } = this.#refused ?? {};
    // Two senders that each took the stream back from the other would do so for ever.
    if (isFinal(code) || name === "taken_over") {
      this.#finish(() => this.#settle.reject(new RefusedError(name || String(code), message)));
      this.#tell.state({ state: "refused", why: message || name });
      return;
    }
    const retry_ms = this.#backoff.next();
    this.#tell.state({ state: "lost", why: message || reason || "no connection", code: name, retry_ms });
    setTimeout(() => this.#over || this.#connect(), retry_ms);
  }

  #flush() {
    if (!this.#ready || this.#endSaid) return;
    while (this.#socket.bufferedAmount < SOCKET_BYTES) {
      const message = this.#outbox.take();
      if (message === null) break;
      this.#socket.send(message instanceof Uint8Array ? message : JSON.stringify(message));
    }
    if (!this.#ending || this.#socket.bufferedAmount >= SOCKET_BYTES) return;
    this.#endSaid = true;
    this.#socket.send(JSON.stringify({ type: "end" }));
  }

  /** Sockets of browsers do not say when they have room, nor when nobody is at their other end. */
  #tend() {
    this.#flush();
    this.#tell.buffered(this.buffered);
    const waiting = this.buffered > 0 && !this.#endSaid;
    if (!waiting) this.#heard_ms = performance.now();
    if (this.#socket.readyState > WebSocket.OPEN || performance.now() - this.#heard_ms < SILENCE_MS) return;
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#heard_ms = performance.now();
    this.#lose(1006, "the server does not answer");
  }

  #finish(settle) {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#timer);
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
    settle();
  }

  #checkOpen() {
    if (this.#over || this.#ending) throw new Error("Audio came after the end of its stream: open another sender.");
  }
}

/** Audio as it goes over the wire. */
function encoded(samples, format) {
  if (format === "pcm_s16le" && samples instanceof Float32Array) return bytesOf(Int16Array.from(samples, toInteger));
  if (format === "pcm_f32le" && samples instanceof Int16Array) return bytesOf(Float32Array.from(samples, toFloat));
  const expected = { pcm_s16le: Int16Array, pcm_f32le: Float32Array, mulaw: Uint8Array }[format];
  if (!(samples instanceof expected)) throw new TypeError(`${format} is sent from a ${expected.name}.`);
  // A copy: callers fill the same array again and again.
  return bytesOf(samples.slice());
}

function bytesOf(array) {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function toFloat(sample) {
  return sample / 32_768;
}

function toInteger(sample) {
  return Math.max(-32_768, Math.min(32_767, Math.round(32_768 * sample)));
}
