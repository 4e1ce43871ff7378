/** The map of similar moments: the rolling embedding in a plane, so that moments that sound alike lie together. */

import { make, write } from "./dom.js";
import { MapLegend } from "./map-legend.js";
import { drawMap } from "./map-drawing.js";
import { onCanvas } from "./map-view.js";
import { Moments } from "./moments.js";
import { Colours } from "./palette.js";
import { Spoken } from "./spoken.js";
import { Surface } from "./surface.js";
import { clock, percent } from "./text.js";
import { describe, short } from "./words.js";

const REACH_PX = 24;
const ALIKE = 3;
const TOLD_EVERY_MS = 1_000;

/** @typedef {import("./state.js").StreamState} StreamState @typedef {import("./point.js").Point} Point */

export class EmbeddingMap {
  #canvas = make("canvas", { className: "map-canvas", tabIndex: 0 });
  #sentence = make("p", { className: "insight-note", id: "map-sentence" });
  #reading = make("p", { className: "map-reading" });
  #moments = new Moments();
  #legend = new MapLegend();
  #surface;
  #colours;
  #spoken;
  #state = null;
  #marked = null;
  #marks = [];
  #drawn = "";
  #told = { at_ms: -Infinity, key: "" };

  /** @param {HTMLElement} root a section that has its heading */
  constructor(root) {
    this.#canvas.setAttribute("aria-describedby", this.#sentence.id);
    root.append(this.#legend.choice, this.#canvas, this.#legend.list, this.#reading, this.#sentence);
    this.#spoken = new Spoken(this.#canvas, "Similar moments, along time");
    this.#surface = new Surface(this.#canvas);
    this.#colours = new Colours(this.#canvas);
    this.#listen();
  }

  /** @param {StreamState|null} state */
  show(state) {
    this.#state = state;
    this.#marked = null;
  }

  /** Draw if anything changed. @param {number} nowMs of performance.now() */
  draw(nowMs) {
    this.#moments.update(this.#state, nowMs);
    if (this.#marked && !this.#moments.shown.includes(this.#marked)) this.#marked = null;
    const moving = this.#moments.isMoving(nowMs) ? nowMs : "still";
    const content = [this.#moments.version, this.#marked?.seq, this.#marked?.session, this.#legend.by].join("\n");
    const key = [content, moving, this.#surface.version, this.#colours.version].join("\n");
    if (key !== this.#drawn && this.#paint(nowMs)) this.#drawn = key;
    if (content !== this.#told.key && (this.#marked || nowMs - this.#told.at_ms >= TOLD_EVERY_MS)) {
      this.#told = { at_ms: nowMs, key: content };
      this.#tell();
    }
    this.#spoken.flush(nowMs);
  }

  /** Where the marks were last drawn, in CSS pixels, oldest first. @returns {import("./map-drawing.js").Mark[]} */
  get marks() {
    return this.#marks;
  }

  #paint(nowMs) {
    const context = this.#surface.begin();
    if (!context) return false;
    const { width, height } = this.#surface;
    const radius = Math.max(3, Math.min(6, Math.min(width, height) / 110));
    const view = this.#moments.view(nowMs);
    const onto = view && onCanvas(view, this.#surface, 4 * radius);
    this.#marks = this.#moments.shown.map((point) => ({ point, ...onto(this.#moments.place(point, nowMs)) }));
    const of = new Map(this.#marks.map((mark) => [mark.point, mark]));
    const alike = this.#alike(this.#marked).map((point) => of.get(point));
    const marked = of.get(this.#marked) ?? null;
    drawMap(context, { marks: this.#marks, marked, alike, by: this.#legend.by, radius, width }, this.#colours.palette);
    return true;
  }

  #tell() {
    const { shown, lacking } = this.#moments;
    this.#legend.count(shown);
    write(this.#sentence, this.#explanation());
    const at = this.#index();
    const point = shown[at];
    const alike = this.#alike(point).map(({ time, likeliest }) => `${clock(time)} (${short(likeliest)})`);
    const likeness = alike.length ? ` Most like it: ${alike.join(", ")}.` : "";
    const moments = lacking === 1 ? "moment" : "moments";
    const text = point
      ? `${point === shown.at(-1) ? "Newest: " : ""}${describe(point)}.${likeness}`
      : `The map begins with ${lacking} more ${moments} of speech.`;
    write(this.#reading, text);
    this.#spoken.tell(text, { now: at, most: shown.length - 1, whole: point?.final ?? false });
  }

  #explanation() {
    const { shown, share, size } = this.#moments;
    const drawn = shown.length
      ? `of ${size} dimensions the 2 in which they differ most are drawn, ${percent(share)} of all variance`
      : "only the 2 dimensions in which they differ most are drawn";
    return (
      `Moments that sound alike to the model lie together; ${drawn}, so distances are approximate. ` +
      "Large marks are whole utterances. Point at a mark or use the arrow keys: lines lead to the moments most like it."
    );
  }

  #alike(point) {
    return point ? this.#moments.mostLike(point, ALIKE) : [];
  }

  /** Which moment is told of: the one asked for, or else the newest. */
  #index() {
    const { shown } = this.#moments;
    return this.#marked ? shown.indexOf(this.#marked) : shown.length - 1;
  }

  #listen() {
    this.#canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.#canvas.addEventListener("pointerdown", (event) => this.#point(event));
    this.#canvas.addEventListener("pointerleave", ({ pointerType }) => {
      // A finger leaves as it lifts, and wants to read what it touched.
      if (pointerType === "mouse") this.#marked = null;
    });
    this.#canvas.addEventListener("blur", () => this.#forget());
    this.#canvas.addEventListener("keydown", (event) => this.#press(event));
  }

  /** Tell of the newest again. */
  #forget() {
    this.#marked = null;
    this.#told.at_ms = -Infinity;
    this.#spoken.hurry();
  }

  #point({ offsetX, offsetY }) {
    let nearest = REACH_PX;
    this.#marked = null;
    for (const { point, x, y } of this.#marks) {
      const away = Math.hypot(x - offsetX, y - offsetY);
      if (away > nearest) continue;
      nearest = away;
      this.#marked = point;
    }
  }

  #press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { shown } = this.#moments;
    const at = this.#index();
    const last = shown.length - 1;
    const steps = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: last };
    if (event.key === "Escape") this.#forget();
    if (!Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    this.#marked = shown[Math.max(0, Math.min(last, steps[event.key]))] ?? null;
    this.#spoken.hurry();
  }
}
