/** The log: what began, ended, was said, is missing or went wrong; newest first, of one stream or of all. */

import { make, write } from "./dom.js";
import { clock, plain } from "./text.js";

const SHOWN = 200;
/** Marks that tell kinds apart without their colour. */
const MARKS = { started: "▶", speech: "“", gap: "▨", error: "▲", ended: "■", connection: "⇄" };
const ALARMING = new Set(["gap", "error", "connection"]);

export class Log {
  #store;
  #state = null;
  #list = make("ol", { id: "entries", tabIndex: 0 });
  #everything = make("input", { type: "checkbox" });
  #choice = make("label", { hidden: true }, this.#everything, " all streams");
  #newest = null;
  #version = -1;

  /** @param {HTMLElement} root @param {{store: import("./store.js").Store}} context */
  constructor(root, { store }) {
    this.#store = store;
    this.#list.setAttribute("aria-label", "Log, newest first");
    this.#everything.addEventListener("change", () => this.#empty());
    root.append(this.#choice, this.#list);
  }

  show(state) {
    this.#state = state;
    if (!this.#everything.checked) this.#empty();
  }

  draw() {
    if (this.#version === this.#store.version) return;
    this.#version = this.#store.version;
    this.#choice.hidden = this.#store.streams.size < 2;
    const entries = this.#everything.checked ? this.#store.log : this.#state?.log;
    const fresh = entries ? this.#fresh(entries) : [];
    if (!fresh.length) return;
    [this.#newest] = fresh;
    this.#list.prepend(...fresh.slice(0, SHOWN).map((entry) => line(entry)));
    while (this.#list.children.length > SHOWN) this.#list.lastChild.remove();
  }

  /** What came after the newest that stands there, newest first. */
  #fresh(entries) {
    const fresh = [];
    for (let index = -1; index >= -entries.length && entries.at(index) !== this.#newest; index -= 1) {
      fresh.push(entries.at(index));
    }
    return fresh;
  }

  #empty() {
    this.#newest = null;
    this.#version = -1;
    this.#list.replaceChildren();
  }
}

function line({ time, kind, text, stream }) {
  const mark = make("span", { className: "mark", text: MARKS[kind] });
  mark.setAttribute("aria-hidden", "true");
  const words = make("span", { className: "words" });
  write(words, stream === undefined ? text : `${plain(stream)}: ${text}`);
  const when = make("time", { text: clock(time) });
  return make("li", { className: ALARMING.has(kind) ? "alarm" : "" }, when, mark, words);
}
