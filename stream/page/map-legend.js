/** What the map's colours and shapes mean, how many marks there are of each, and the choice of what colours tell. */

import { make, write } from "./dom.js";
import { pathOf } from "./marks.js";
import { short } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const KNOWN = ["anger", "happiness", "neutral", "sadness"];
const MOST_NAMES = 8;

export class MapLegend {
  /** What colours tell. @type {"emotion"|"time"} */
  by = "emotion";
  choice = make("fieldset", { className: "map-choice" });
  list = make("ul", { className: "map-legend" });
  #ages = make("li", { className: "map-ages" }, make("i"), "older to newer");
  #entries = new Map();

  constructor() {
    this.choice.append(make("legend", { text: "Coloured by" }), this.#option("emotion"), this.#option("time"));
    this.list.ariaLabel = "Legend: marks on the map";
    this.list.append(this.#ages);
    this.#choose("emotion");
    for (const name of KNOWN) this.#entry(name);
  }

  /** Tell how many of `points` there are by emotion. @param {import("./point.js").Point[]} points */
  count(points) {
    const counts = new Map([...this.#entries.keys()].map((name) => [name, 0]));
    for (const { likeliest } of points) counts.set(likeliest, (counts.get(likeliest) ?? 0) + 1);
    for (const [name, count] of counts) {
      const written = this.#entry(name);
      if (written) write(written, String(count));
    }
  }

  #entry(name) {
    if (this.#entries.has(name)) return this.#entries.get(name);
    if (this.#entries.size >= MOST_NAMES) return null;
    const count = make("span", { text: "0" });
    this.list.insertBefore(make("li", {}, swatch(name), `${short(name)} `, count), this.#ages);
    this.#entries.set(name, count);
    return count;
  }

  #option(value) {
    const input = make("input", { type: "radio", name: "map-colour", value, checked: value === this.by });
    input.addEventListener("change", () => this.#choose(value));
    return make("label", {}, input, value);
  }

  #choose(by) {
    this.by = by;
    this.list.dataset.by = by;
    this.#ages.hidden = by !== "time";
  }
}

function swatch(name) {
  const image = document.createElementNS(SVG, "svg");
  image.setAttribute("viewBox", "-1.3 -1.3 2.6 2.6");
  image.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", pathOf(name));
  if (KNOWN.includes(name)) path.setAttribute("class", `mark-${name}`);
  image.append(path);
  return image;
}
