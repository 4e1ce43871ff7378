/** What the stream is, and how well it is followed. */

import { cardElement, fetchCard } from "./card.js";
import { make, write } from "./dom.js";
import { clock, lasting, plain } from "./text.js";

const SAMPLE_RATE = 16_000;
const EVERY_MS = 500;
const UNKNOWN = "–";

/** Term by what is said of it. */
const FACTS = {
  Stream: ({ name }) => plain(name),
  Source: ({ source }) => source || UNKNOWN,
  Model: ({ model }) => model,
  Began: ({ startedAt }) => (startedAt === null ? UNKNOWN : clock(startedAt)),
  "Baseline of the speaker": ({ latest }) => (latest ? `${lasting(latest.baselineS)} of speech` : UNKNOWN),
  "Delay now": ({ delay }) => milliseconds(delay.nowMs),
  "Delay, p95": ({ delay }) => milliseconds(delay.p95Ms),
  "Audio dropped": ({ status }) => (status ? `${(status.dropped_samples / SAMPLE_RATE).toFixed(1)} s` : UNKNOWN),
  "Events skipped": ({ status }) => count(status?.skipped_events),
  "Estimates thinned": ({ status }) => count(status?.thinned_updates),
  Connection: (_, connection) => connection.words,
};

export class About {
  #connection;
  #state = null;
  #values;
  #card = make("div", { className: "card" });
  #model = null;
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
    Object.values(FACTS).forEach((tell, index) => write(this.#values[index], tell(this.#state, this.#connection)));
    if (this.#model !== this.#state.model) this.#showCard(this.#state.model);
  }

  async #showCard(model) {
    this.#model = model;
    this.#card.replaceChildren();
    const card = await fetchCard(model);
    if (card && this.#model === model) this.#card.replaceChildren(cardElement(card));
  }
}

function milliseconds(ms) {
  return ms === null ? "not in real time" : `${Math.round(ms)} ms`;
}

function count(number) {
  return number === undefined ? UNKNOWN : number.toLocaleString("en");
}
