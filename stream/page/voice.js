/** The named acoustic features behind the estimate, against this speaker's own baseline. */

import { baselineSentence, ownShare } from "./baseline.js";
import { make, write } from "./dom.js";
import { comparison, GROUPS, PITCH } from "./features.js";
import { clock } from "./text.js";
import { Usual } from "./usual.js";
import { VoiceRow } from "./voice-row.js";
import { VoiceTable } from "./voice-table.js";

/** Faster than this nobody reads; estimates of a stream as it happens come every 250 ms. */
const EVERY_MS = 200;
const TOLD_EVERY_MS = 1_000;
/** Of a past that comes all at once; it is enough for the regions of the last half minute. */
const LEARNED_AT_ONCE = 100;
const FARTHEST = 3;
const WORTH_TELLING = 1;
const NOTHING = "No features yet: they come with the first second of speech.";

/** @typedef {import("./state.js").StreamState} StreamState @typedef {import("./point.js").Point} Point */

export class Voice {
  #headline = make("p", { className: "voice-headline" });
  #baseline = make("p", { className: "voice-baseline" });
  #share = make("p", { className: "voice-share" });
  #table = new VoiceTable();
  /** @type {{feature: import("./features.js").NamedFeature, row: VoiceRow}[]} */
  #rows = [];
  #usual;
  #learned = null;
  #state = null;
  #seen = -1;
  #shown = { point: undefined, at_ms: -Infinity };
  #told = { point: undefined, at_ms: -Infinity, withTable: false };

  /** @param {HTMLElement} root a section that has its heading */
  constructor(root) {
    this.#share.append(make("i"));
    this.#share.setAttribute("aria-hidden", "true");
    const groups = make("div", { className: "voice-groups" }, ...GROUPS.map((group) => this.#group(group)));
    const text =
      "Bars and signed numbers tell how far a value is from usual, in standard deviations: the middle is usual, the ends " +
      "are 3 or more. Bold: farthest from usual. The model weighs all of its features together, so these need not be " +
      "what moved it most.";
    const note = make("p", { className: "insight-note", text });
    root.append(this.#headline, groups, this.#baseline, this.#share, note, glossary(), this.#table.element);
    this.#forget();
    this.#table.element.addEventListener("toggle", () => {
      this.#told.at_ms = -Infinity;
    });
  }

  /** @param {StreamState|null} state */
  show(state) {
    this.#state = state;
    this.#seen = -1;
    this.#forget();
    this.#shown.at_ms = this.#told.at_ms = -Infinity;
  }

  /** Draw if anything changed. @param {number} nowMs of performance.now() */
  draw(nowMs) {
    const version = this.#state?.version ?? 0;
    if (version !== this.#seen && nowMs - this.#shown.at_ms >= EVERY_MS) {
      this.#seen = version;
      const point = this.#state ? newestWithFeatures(this.#state.points) : null;
      if (point !== this.#shown.point) {
        this.#shown = { point, at_ms: nowMs };
        this.#showRows(point);
      }
    }
    this.#tell(nowMs);
  }

  #showRows(point) {
    if (point) this.#learn(this.#state.points, point);
    const unvoiced = point?.features[PITCH]?.[0] === 0;
    for (const { feature, row } of this.#rows) {
      const silent = unvoiced && feature.voiced;
      const pair = silent ? null : pairOf(point, feature.name);
      row.show(pair, this.#usual.of(feature.name), silent ? "no voiced sound" : "not measured");
    }
    const farthest = point ? this.#farthest(point, unvoiced) : [];
    for (const { feature, row } of this.#rows) row.mark(farthest.includes(feature));
  }

  /** Take what came since, up to `newest`. */
  #learn(points, newest) {
    const fresh = [];
    for (let index = points.length - 1; index >= 0 && fresh.length < LEARNED_AT_ONCE; index -= 1) {
      const point = points.at(index);
      if (point === this.#learned) break;
      if (point.features) fresh.push(point);
    }
    for (const point of fresh.reverse()) this.#usual.take(point);
    this.#learned = newest;
  }

  #forget() {
    this.#usual = new Usual(this.#rows.map(({ feature }) => feature.name));
    this.#learned = null;
  }

  /** Sentences and the long table change once a second: that is as fast as they can be read. */
  #tell(nowMs) {
    const { point } = this.#shown;
    const isNews = point !== this.#told.point || this.#told.at_ms === -Infinity;
    if (!isNews || nowMs - this.#told.at_ms < TOLD_EVERY_MS) return;
    this.#told = { point, at_ms: nowMs };
    write(this.#headline, point ? this.#sentence(point) : NOTHING);
    write(this.#baseline, point ? baselineSentence(point.baselineS) : "");
    this.#share.hidden = !point;
    this.#share.firstChild.style.width = `${100 * (point ? ownShare(point.baselineS) : 0)}%`;
    if (point && this.#table.isOpen) this.#table.show(point.features);
  }

  #sentence(point) {
    const farthest = this.#farthest(point, point.features[PITCH]?.[0] === 0);
    const told = farthest.map((feature) => {
      return `${feature.label.toLowerCase()} ${comparison(feature, point.features[feature.name][1])}`;
    });
    const when = `${clock(point.time)}${point.final ? ", whole utterance" : ""}`;
    return told.length ? `Farthest from usual at ${when}: ${told.join(", ")}.` : `${when}: the voice is as usual.`;
  }

  #farthest(point, unvoiced) {
    const measured = this.#rows.map(({ feature }) => feature).filter((feature) => !(unvoiced && feature.voiced));
    const away = ({ name }) => Math.abs(pairOf(point, name)?.[1] ?? 0);
    const far = measured.filter((feature) => away(feature) >= WORTH_TELLING);
    return far.sort((one, other) => away(other) - away(one)).slice(0, FARTHEST);
  }

  #group({ title, features }) {
    const rows = features.map((feature) => ({ feature, row: new VoiceRow(feature) }));
    this.#rows.push(...rows);
    const list = make("ul", {}, ...rows.map(({ row }) => row.element));
    return make("div", { className: "voice-group" }, make("h3", { text: title }), list);
  }
}

function newestWithFeatures(points) {
  for (let index = points.length - 1; index >= 0; index -= 1) if (points.at(index).features) return points.at(index);
  return null;
}

/** Value and score of a feature where both are numbers. */
function pairOf(point, name) {
  const pair = point && Object.hasOwn(point.features, name) ? point.features[name] : null;
  return Array.isArray(pair) && pair.length === 2 && pair.every(Number.isFinite) ? pair : null;
}

function glossary() {
  const terms = GROUPS.flatMap(({ features }) =>
    features.map(({ label, meaning, name }) => {
      const column = make("code", { text: name });
      return make("div", {}, make("dt", { text: label }), make("dd", { text: `${meaning} ` }, column));
    }),
  );
  const summary = make("summary", { text: "What these features are" });
  return make("details", { className: "voice-glossary" }, summary, make("dl", {}, ...terms));
}
