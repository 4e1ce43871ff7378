/** What the stream is, and how well it is followed. */

import { cardElement, fetchCard } from "./card.js";
import { make, write } from "./dom.js";
import { clock, lasting, plain } from "./text.js";
import { secondsOf } from "./words.js";

const EVERY_MS = 500;
const ASKED_EVERY_MS = 10_000;
const UNKNOWN = "–";

/** Term by what is said of it. */
const FACTS = {
  Stream: ({ name }) => plain(name),
  Source: ({ source }) => source || UNKNOWN,
  Model: ({ model }) => model,
  Began: ({ startedAt }) => (startedAt === null ? UNKNOWN : clock(startedAt)),
  "Baseline of the speaker": ({ latest }) => (latest ? `${lasting(latest.baselineS)} of speech` : UNKNOWN),
  "Delay now": ({ delay, status }, { isHeard }) => (isHeard ? milliseconds(delay.nowMs, status) : UNKNOWN),
  "Delay, p95": ({ delay, status }) => milliseconds(delay.p95Ms, status),
  "Audio dropped": ({ status }) => (status ? secondsOf(status.dropped_samples) : UNKNOWN),
  "Events skipped": ({ status }) => count(status?.skipped_events),
  "Estimates thinned": ({ status }) => count(status?.thinned_updates),
  Connection: (_, { connection }) => connection.words,
};

export class About {
  #connection;
  #state = null;
  #values;
  #card = make("div", { className: "card" });
  /** The model whose card stands there, or that has none; and what was asked for last. */
  #model = null;
  #asked = { model: null, at_ms: -Infinity };
  #drawn_ms = -Infinity;

  /**
   * @param {HTMLElement} root
   * @param {{connection: import("./connection.js").Connection}} context
   */
  constructor(root, { connection }) {
    this.#connection = connection;
    this.#values = Object.keys(FACTS).map(() => make("dd", { text: UNKNOWN }));
    const rows = Object.keys(FACTS).map((text, index) => make("div", {}, make("dt", { text }), this.#values[index]));
    root.append(make("dl", {}, ...rows), this.#card);
  }

  show(state) {
    this.#state = state;
    this.#drawn_ms = -Infinity;
  }

  draw(now_ms) {
    if (!this.#state || now_ms - this.#drawn_ms < EVERY_MS) return;
    this.#drawn_ms = now_ms;
    const now = { connection: this.#connection, isHeard: this.#state.silentSince(now_ms) === null };
    Object.values(FACTS).forEach((tell, index) => write(this.#values[index], tell(this.#state, now)));
    if (this.#model !== this.#state.model) this.#askForCard(this.#state.model, now_ms);
  }

  /** A server that is away, or busy, may have the card later. */
  async #askForCard(model, now_ms) {
    if (this.#asked.model === model && now_ms - this.#asked.at_ms < ASKED_EVERY_MS) return;
    this.#asked = { model, at_ms: now_ms };
    this.#model = null;
    this.#card.replaceChildren();
    const card = await fetchCard(model);
    if (card === undefined || this.#asked.model !== model) return;
    this.#model = model;
    if (card) this.#card.replaceChildren(cardElement(card));
  }
}

/** Before the first status nothing is known; one without a delay is of a stream that is not in real time. */
function milliseconds(ms, status) {
  if (ms === null) return status ? "not in real time" : UNKNOWN;
  return `${Math.round(ms)} ms`;
}

function count(number) {
  return number === undefined ? UNKNOWN : number.toLocaleString("en");
}
