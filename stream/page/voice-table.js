/** Everything that the model reads, as a table that is filled only while it is open. */

import { make, write } from "./dom.js";
import { plain } from "./text.js";

const MOST = 128;
const NAME_CHARACTERS = 80;
const CAPTION =
  "eGeMAPS v02, under openSMILE's names. The standard score says how many deviations a value lies from usual.";
const COLUMNS = ["Feature", "Value", "Standard score"];

export class VoiceTable {
  element = make("details", { className: "voice-all" });
  #summary = make("summary");
  #body = make("tbody");
  #rows = new Map();

  constructor() {
    const scrolled = make("div", { className: "voice-scrolled", tabIndex: 0, role: "region" }, table(this.#body));
    scrolled.ariaLabel = "All features that the model reads";
    this.element.append(this.#summary, scrolled);
    this.#summarise(88);
  }

  get isOpen() {
    return this.element.open;
  }

  /** @param {Object<string, [number, number]>} features */
  show(features) {
    const named = Object.entries(features).slice(0, MOST);
    this.#summarise(named.length);
    if (named.length !== this.#rows.size || named.some(([name]) => !this.#rows.has(name))) this.#build(named);
    for (const [name, [value, score]] of named) {
      const cells = this.#rows.get(name);
      write(cells.value, Number(value).toPrecision(4).replace("-", "−"));
      write(cells.score, `${score < 0 ? "−" : "+"}${Math.abs(score).toFixed(2)}`);
    }
  }

  #summarise(count) {
    write(this.#summary, `All ${count} features that the model reads`);
  }

  #build(named) {
    this.#rows = new Map(named.map(([name]) => [name, { value: make("td"), score: make("td") }]));
    const header = (name) => make("th", { scope: "row", text: plain(name, NAME_CHARACTERS) });
    const rows = [...this.#rows].map(([name, { value, score }]) => make("tr", {}, header(name), value, score));
    this.#body.replaceChildren(...rows);
  }
}

function table(body) {
  const headers = COLUMNS.map((text) => make("th", { scope: "col", text }));
  return make("table", {}, make("caption", { text: CAPTION }), make("thead", {}, make("tr", {}, ...headers)), body);
}
