/** The course of a stream: its last five minutes, live or held still, with what can be done to the view. */

import { BUTTONS, control } from "./course-controls.js";
import { drawCourse } from "./course-drawing.js";
import { layoutOf, timeAt, xOf, yOf } from "./course-layout.js";
import { courseText } from "./course-text.js";
import { make, write } from "./dom.js";
import { csv, fileName, png, save } from "./export.js";
import { Colours } from "./palette.js";
import { Spoken } from "./spoken.js";
import { Surface } from "./surface.js";
import { clock, lasting } from "./text.js";
import { firstFrom } from "./timeline.js";
import { Viewing } from "./viewing.js";

const PNG_RATIO = 2;
const HELP =
  "Drag, or turn the wheel sideways, to scroll. Turn the wheel with Ctrl, or while the chart has the focus, or move two " +
  "fingers, to zoom. With the focus: arrow keys go from estimate to estimate, + and − zoom, Page Up and Page Down " +
  "scroll, Home goes to the oldest, End to live, space pauses, Escape stops pointing. What is held is kept while the " +
  "stream goes on. Circles and diamonds: whole utterances.";

export class Course {
  #canvas = make("canvas", { className: "course-canvas", tabIndex: 0 });
  #reading = make("p", { className: "chart-reading" });
  #where = make("p", { className: "course-where" });
  #surface;
  #colours;
  #spoken;
  #state = null;
  #viewing = new Viewing(null);
  #pointer = null;
  #drawn = "";
  #buttons;

  /** @param {HTMLElement} root a section that has its heading */
  constructor(root) {
    const commands = this.#commands();
    const tools = group("View", "course-tools");
    this.#buttons = BUTTONS.map(({ text, label, act }) => button(text, label, () => act(commands)));
    tools.append(...this.#buttons, this.#where);
    root.append(tools, this.#canvas, this.#reading, this.#exports(), help());
    this.#surface = new Surface(this.#canvas);
    this.#colours = new Colours(this.#canvas);
    this.#spoken = new Spoken(this.#canvas, "Course of the last five minutes, from estimate to estimate");
    control(this.#canvas, commands);
    this.show(null);
  }

  /** @param {import("./state.js").StreamState|null} state */
  show(state) {
    this.#state = state;
    this.#viewing = new Viewing(state);
    this.#drawn = "";
    this.#reading.textContent = "Nothing has come yet.";
    this.#where.textContent = "";
  }

  draw(nowMs) {
    this.#redraw(nowMs);
    this.#spoken.flush(nowMs);
  }

  #redraw(nowMs) {
    if (!this.#viewing.tick(nowMs)) {
      if (this.#drawn === "") this.#drawn = this.#surface.begin() ? "empty" : "";
      return;
    }
    if (this.#pointer !== null) this.#viewing.point(this.#timeAt(this.#pointer));
    this.#tellWhere(nowMs);
    const key = this.#key();
    if (key === this.#drawn) return;
    const context = this.#surface.begin();
    if (!context) return;
    this.#drawn = key;
    const scene = this.#scene();
    drawCourse(context, scene, this.#colours.palette);
    this.#tell(scene);
  }

  /** What is drawn where, in CSS pixels and ms, for whoever lays something over it. */
  get geometry() {
    const { layout, range, told, cursor } = this.#scene();
    const at = told && { x: xOf(layout, range, told.time), activation: yOf(layout.lines, told.activation, -1, 1) };
    return { layout, range, told, cursor, at, live: this.#viewing.isLive };
  }

  get #layout() {
    return layoutOf(this.#surface.width, this.#surface.height, this.#colours.palette.fontPx);
  }

  get #columnMs() {
    const { left, right } = this.#layout;
    return this.#viewing.range.spanMs / ((right - left) * this.#surface.ratio);
  }

  /** Time moves on by pixels: in between nothing would look different. */
  #key() {
    const { view, version, cursor, range, isLive, moments } = this.#viewing;
    const column = Math.floor(range.to / this.#columnMs);
    const content = isLive ? moments.version : "held";
    return [version, view.spanMs, column, content, cursor, this.#surface.version, this.#colours.version].join("\n");
  }

  #scene() {
    const { moments, now, range, cursor } = this.#viewing;
    const { ratio } = this.#surface;
    const told = this.#viewing.told(this.#columnMs * ratio);
    return { layout: this.#layout, moments, now, range, ratio, told, cursor: cursor === null ? null : told?.time ?? cursor };
  }

  #timeAt(x) {
    const { left, right } = this.#layout;
    return timeAt(this.#layout, this.#viewing.range, Math.max(left, Math.min(right, x)));
  }

  #tell({ moments, told, cursor }) {
    const text = courseText(moments, told, cursor);
    write(this.#reading, text);
    const now = told ? firstFrom(moments.points, told.time) : 0;
    this.#spoken.tell(text, { now, most: moments.points.length - 1, whole: told?.final ?? false });
  }

  #tellWhere(nowMs) {
    const { isLive, behindMs, range } = this.#viewing;
    const ended = this.#state.endedAt !== null;
    const paused = `held at ${clock(range.to)}${ended ? "" : `, ${lasting(behindMs / 1000)} behind`}`;
    write(this.#where, isLive ? (ended ? "ended" : this.#liveness(nowMs)) : paused);
    const [pause] = this.#buttons;
    const toLive = this.#buttons.at(-1);
    write(pause, isLive ? "Pause" : "Resume");
    toLive.disabled = isLive;
  }

  #liveness(nowMs) {
    const silentSince = this.#state.silentSince(nowMs);
    return silentSince === null ? "live" : `nothing heard since ${clock(silentSince)}`;
  }

  /** @returns {import("./course-controls.js").Commands} */
  #commands() {
    const doing = (act) => (...told) => {
      if (!this.#viewing.bounds) return;
      this.#spoken.hurry();
      act(this.#viewing, ...told);
    };
    return {
      pan: doing((viewing, share) => viewing.pan(share * viewing.range.spanMs)),
      zoom: doing((viewing, factor, x) => viewing.zoom(factor, x === null ? viewing.cursor ?? undefined : this.#timeAt(x))),
      step: doing((viewing, count) => {
        this.#pointer = null;
        viewing.step(count);
      }),
      togglePause: doing((viewing) => (viewing.isLive ? viewing.pause() : viewing.resume())),
      goLive: doing((viewing) => viewing.resume()),
      goOldest: doing((viewing) => viewing.pan(viewing.bounds.oldest - viewing.range.from)),
      point: doing((viewing, x) => {
        this.#pointer = x;
        if (x === null) viewing.point(null);
      }),
      width: () => this.#layout.right - this.#layout.left,
    };
  }

  #exports() {
    const tools = group("Save", "course-exports");
    tools.append(
      button("CSV of view", null, () => this.#saveTable(true)),
      button("CSV of all", null, () => this.#saveTable(false)),
      button("PNG of view", null, () => this.#savePicture()),
    );
    return tools;
  }

  #saveTable(inView) {
    if (!this.#viewing.bounds) return;
    const { range, bounds, moments } = this.#viewing;
    const { from, to } = inView ? range : { from: -Infinity, to: Infinity };
    const blob = new Blob([csv(moments, { from, to })], { type: "text/csv" });
    save(blob, fileName(this.#state.name, inView ? range.from : bounds.oldest, "csv"));
  }

  async #savePicture() {
    if (!this.#viewing.bounds) return;
    const scene = { ...this.#scene(), cursor: null, ratio: PNG_RATIO };
    const { palette } = this.#colours;
    const { width, height } = scene.layout;
    const { name: stream, model } = scene.moments;
    const about = { stream, model, ...scene.range, width, height };
    const blob = await png(about, palette, PNG_RATIO, (context) => drawCourse(context, scene, palette));
    save(blob, fileName(this.#state.name, scene.range.from, "png"));
  }
}

function help() {
  const summary = make("summary", { text: "Keys, gestures and marks" });
  return make("details", { className: "chart-help" }, summary, make("p", { text: HELP }));
}

function group(label, className) {
  const element = make("div", { className, role: "group" });
  element.setAttribute("aria-label", label);
  return element;
}

function button(text, label, act) {
  const element = make("button", { type: "button", text, title: label ?? "" });
  if (label) element.setAttribute("aria-label", label);
  element.addEventListener("click", act);
  return element;
}
