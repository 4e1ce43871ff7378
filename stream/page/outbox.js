/** What was pushed and is not yet acknowledged: bounded, in order. Positions are frames since the sender began. */

export class Outbox {
  /** Everything before has been acknowledged. */
  start = 0;
  end = 0;
  heldBytes = 0;
  /** Frames that the server was told it will not get. */
  skipped = 0;
  #pieces = [];
  #sent = 0;
  #next = 0;
  #toldUntil = 0;

  constructor(frameBytes, limitBytes) {
    this.frameBytes = frameBytes;
    this.limitBytes = limitBytes;
  }

  /** Frames that the server will not get: it was told so, or has yet to be. */
  get lost() {
    let position = Math.max(this.#next, this.#toldUntil);
    let untold = 0;
    for (const { start, end } of this.#pieces.slice(this.#sent)) {
      untold += Math.max(0, start - position);
      position = Math.max(position, end);
    }
    return this.skipped + untold + Math.max(0, this.end - position);
  }

  /** Append whole frames; where there is no room the oldest are dropped, and with their place skipped. */
  push(bytes) {
    while (this.heldBytes && this.heldBytes + bytes.length > this.limitBytes) this.#dropOldest();
    this.#pieces.push({ start: this.end, end: this.end + bytes.length / this.frameBytes, bytes });
    this.end += bytes.length / this.frameBytes;
    this.heldBytes += bytes.length;
  }

  skip(frames) {
    this.end += frames;
  }

  newSpeaker() {
    this.#pieces.push({ start: this.end, end: this.end, bytes: null });
    this.#mergeSpeakers(this.#pieces.length - 1);
  }

  /** The next message to the server: bytes, or what is said in between; null where all was taken. */
  take() {
    const piece = this.#pieces[this.#sent];
    const start = piece ? piece.start : this.end;
    if (start > this.#next) return this.#takeSkip(start);
    if (!piece) return null;
    this.#sent += 1;
    if (!piece.bytes) return { type: "new_speaker" };
    const known = this.#next - piece.start;
    this.#next = piece.end;
    return known ? piece.bytes.subarray(known * this.frameBytes) : piece.bytes;
  }

  /** Let go of what lies before `position`. */
  acknowledge(position) {
    this.start = Math.max(this.start, Math.min(position, this.end));
    let gone = 0;
    while (gone < this.#pieces.length && this.#pieces[gone].start < position && this.#pieces[gone].end <= position) {
      this.heldBytes -= this.#pieces[gone++].bytes?.length ?? 0;
    }
    this.#pieces.splice(0, gone);
    this.#sent = Math.max(0, this.#sent - gone);
  }

  /** Begin to take again at `position`. */
  resume(position) {
    this.acknowledge(position);
    this.#sent = 0;
    this.#next = Math.min(position, this.end);
  }

  #takeSkip(until) {
    const samples = until - this.#next;
    this.skipped += Math.max(0, until - Math.max(this.#next, this.#toldUntil));
    this.#toldUntil = Math.max(this.#toldUntil, until);
    this.#next = until;
    return { type: "skip", samples };
  }

  #dropOldest() {
    const index = this.#pieces.findIndex(({ bytes }) => bytes);
    this.heldBytes -= this.#pieces[index].bytes.length;
    this.#pieces.splice(index, 1);
    if (index < this.#sent) this.#sent -= 1;
    this.#mergeSpeakers(index);
  }

  /** Of two changes of speaker with nothing between them the later one counts. */
  #mergeSpeakers(index) {
    const [before, piece] = [this.#pieces[index - 1], this.#pieces[index]];
    if (!before || !piece || before.bytes || piece.bytes) return;
    this.#pieces.splice(index - 1, 1);
    if (index - 1 < this.#sent) this.#sent -= 1;
  }
}
