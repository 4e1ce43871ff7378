/**
 * The affect plane: activation against valence, a dot with the trail of its last 20 seconds, its halo the confidence.
 * `Plane` is the large one, which can be asked; `SmallPlane` one of many.
 */

import { make, write } from "./dom.js";
import { Dot } from "./dot.js";
import { Colours } from "./palette.js";
import { drawPlane, drawPlaneLabels, halo, place, planeBox, tellable, TRAIL_MS } from "./plane-drawing.js";
import { Spoken } from "./spoken.js";
import { Surface } from "./surface.js";
import { boundsOf } from "./timeline.js";
import { describe } from "./words.js";

/** The trail fades in steps, or an idle plane would be drawn sixty times a second. */
const FADE_MS = 100;
const REACH_PX = 24;
const NOTE =
  "The dot glides between estimates, for the eye only. Wider and fainter halo: less sure. Hollow dot: nobody speaks. " +
  "Rings: whole utterances. Point at the trail, or use the arrow keys, for its numbers.";
const NOTHING = "No estimate yet: it comes with the first second of speech.";

/** @typedef {import("./state.js").StreamState} StreamState */

/** What is drawn of one stream, whatever the size. */
class Picture {
  dot = new Dot();
  #drawn = "";

  constructor(canvas) {
    this.surface = new Surface(canvas);
    this.colours = new Colours(canvas);
  }

  /** Draw by `paint(context, scene, palette)` if anything changed; return the scene that was drawn, or null. */
  draw(state, nowMs, marked, paint) {
    // The trail fades also where nothing is heard any more.
    const bounds = state && boundsOf(state, state.runningTime(nowMs));
    this.dot.aim(state?.latest ?? null, nowMs);
    const speaking = Boolean(state?.isSpeaking(nowMs));
    const key = [this.#key(state, nowMs, bounds, marked), speaking].join("\n");
    if (key === this.#drawn) return null;
    this.dot.move(nowMs);
    const context = this.surface.begin();
    if (!context) return null;
    this.#drawn = key;
    const scene = { ...this.#scene(state, bounds), speaking, marked };
    paint(context, scene, this.colours.palette);
    return scene;
  }

  #key(state, nowMs, bounds, marked) {
    const latest = state?.latest?.time ?? -Infinity;
    const fading = bounds && bounds.newest - latest < TRAIL_MS ? Math.floor(bounds.newest / FADE_MS) : "faded";
    const moving = this.dot.moving ? nowMs : "still";
    const parts = [state?.name, state?.session, state?.version, fading, moving, marked?.time, marked?.final];
    return [...parts, this.surface.version, this.colours.version].join("\n");
  }

  #scene(state, bounds) {
    const moments = state ?? { points: [], regions: [], gaps: [] };
    return { moments, newest: bounds?.newest ?? 0, dot: this.dot.shown };
  }
}

/** A plane without words for a canvas of about 96 px. */
export class SmallPlane {
  #picture;

  /** @param {HTMLCanvasElement} canvas in the page, sized by its style sheet */
  constructor(canvas) {
    this.#picture = new Picture(canvas);
  }

  /** Draw `state` if anything changed. @param {StreamState|null} state @param {number} nowMs */
  draw(state, nowMs) {
    const { surface } = this.#picture;
    this.#picture.draw(state, nowMs, null, (context, scene, palette) => {
      drawPlane(context, planeBox(surface.width, surface.height, 2), scene, palette);
    });
  }
}

/** The large plane. Pointing at its trail, or walking along it with the arrow keys, tells an estimate. */
export class Plane {
  #picture;
  #canvas = make("canvas", { className: "plane-canvas", tabIndex: 0 });
  #reading = make("p", { className: "chart-reading" });
  #spoken;
  #state = null;
  #tellable = [];
  #marked = null;

  /** @param {HTMLElement} root a section that has its heading */
  constructor(root) {
    root.append(this.#canvas, this.#reading, make("p", { className: "chart-note", text: NOTE }));
    this.#spoken = new Spoken(this.#canvas, "Activation against valence, along the trail");
    this.#picture = new Picture(this.#canvas);
    this.#listen();
  }

  /** @param {StreamState|null} state */
  show(state) {
    this.#state = state;
    this.#marked = null;
    this.#picture.dot.vanish();
  }

  draw(nowMs) {
    const scene = this.#picture.draw(this.#state, nowMs, this.#marked, (...told) => this.#paint(...told));
    if (scene) this.#tell(scene);
    this.#spoken.flush(nowMs);
  }

  #tell(scene) {
    this.#tellable = tellable(scene.moments.points, scene.newest);
    const index = this.#index();
    const told = this.#tellable[index] ?? this.#state?.latest ?? null;
    const text = told ? describe(told) : NOTHING;
    write(this.#reading, text);
    this.#spoken.tell(text, { now: index, most: this.#tellable.length - 1, whole: told?.final ?? false });
  }

  /** Where things are on the canvas, in CSS pixels: {box, dot: {x, y, halo: {radius, opacity}}|null, marked}. */
  get geometry() {
    const box = this.#box();
    const { shown } = this.#picture.dot;
    const dot = shown && { ...place(box, shown), halo: halo(box, shown.confidence) };
    return { box, dot, marked: this.#marked && place(box, this.#marked), moving: this.#picture.dot.moving };
  }

  #paint(context, scene, palette) {
    drawPlane(context, this.#box(), scene, palette);
    drawPlaneLabels(context, this.#box(), palette);
  }

  #box() {
    const { width, height } = this.#picture.surface;
    return planeBox(width, height, 1.4 * this.#picture.colours.palette.fontPx);
  }

  /** Which of those that can be told is: the one pointed at while it is there, else the newest. */
  #index() {
    const index = this.#marked ? this.#tellable.indexOf(this.#marked) : -1;
    if (index < 0) this.#marked = null;
    return index < 0 ? this.#tellable.length - 1 : index;
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
    this.#spoken.hurry();
  }

  #point({ offsetX, offsetY }) {
    const box = this.#box();
    let nearest = REACH_PX;
    this.#marked = null;
    for (const point of this.#tellable) {
      const { x, y } = place(box, point);
      const away = Math.hypot(x - offsetX, y - offsetY);
      if (away > nearest) continue;
      nearest = away;
      this.#marked = point;
    }
  }

  #press(event) {
    const at = this.#index();
    const last = this.#tellable.length - 1;
    const steps = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: last };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Escape") this.#forget();
    if (!Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    this.#marked = this.#tellable[Math.max(0, Math.min(last, steps[event.key]))] ?? null;
    this.#spoken.hurry();
  }
}
