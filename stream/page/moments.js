/** The moments on the map: which of a stream's estimates they are, where each lies, and how they move. */

import { Projection } from "./projection.js";
import { changed, interpolated, viewAround } from "./map-view.js";

const MOST = 400;
/** Of these so many may be whole utterances: they say more, so they stay longer. */
const MOST_FINALS = 100;
/** With fewer there is no telling in which directions moments differ. */
const FIRST = 8;
const REFIT_MS = 3_000;
const MOVE_MS = 300;
/** Rolling estimates share audio with those just before and after, which are alike for that reason alone. */
const APART_MS = 3_000;

/** @typedef {import("./point.js").Point} Point @typedef {import("./map-view.js").MapView} MapView */

export class Moments {
  /** What is on the map, oldest first. @type {Point[]} */
  shown = [];
  /** Counts up with every change of what there is or where it belongs. */
  version = 0;
  #projection = new Projection();
  #known = new WeakMap();
  #stillness = matchMedia("(prefers-reduced-motion: reduce)");
  #state = null;
  #seen = -1;
  #model = "";
  #fitted = { count: 0, at_ms: -Infinity };
  #moved_ms = -Infinity;
  #view = null;
  #viewBefore = null;

  /** Learn what is new in `state`; refit where it is time. @param {import("./state.js").StreamState|null} state */
  update(state, nowMs) {
    if (state !== this.#state || (state && state.model !== this.#model)) this.#begin(state);
    if (!state || (state.version === this.#seen && !this.#isDue(nowMs))) return;
    this.#seen = state.version;
    const hasLearned = this.#learn(state.points);
    const isRefitted = this.#isDue(nowMs);
    if (isRefitted) this.#refit(state.points, nowMs);
    const shown = this.#projection.axes ? this.#select(state.points) : [];
    if (!hasLearned && !isRefitted && shown.length === this.shown.length) return;
    this.shown = shown;
    for (const point of shown) this.#known.get(point).place ??= this.#projection.place(point.embedding);
    this.#fitView(nowMs);
    this.version += 1;
  }

  get size() {
    return this.#projection.size;
  }

  /** Share of all variance that is shown, in [0, 1]. */
  get share() {
    return this.#projection.share;
  }

  /** How many more moments it takes to begin. */
  get lacking() {
    if (this.#projection.axes) return this.shown.length ? 0 : 1; // They are too old to be shown.
    return Math.max(1, FIRST - this.#projection.count);
  }

  isMoving(nowMs) {
    return this.#progress(nowMs) < 1;
  }

  /** Where `point` is at `nowMs`, in units of the embedding. @returns {import("./projection.js").Place} */
  place(point, nowMs) {
    const { before, place } = this.#known.get(point);
    const progress = this.#progress(nowMs);
    if (!before || progress >= 1) return place;
    return [0, 1].map((axis) => before[axis] + progress * (place[axis] - before[axis]));
  }

  /** What part of the plane is shown at `nowMs`. @returns {MapView} */
  view(nowMs) {
    return this.#viewBefore ? interpolated(this.#viewBefore, this.#view, this.#progress(nowMs)) : this.#view;
  }

  /** The moments most like `point` in all dimensions, that share no audio with it or each other. @returns {Point[]} */
  mostLike(point, count) {
    const away = new Map(this.shown.map((other) => [other, distance(other.embedding, point.embedding)]));
    const chosen = [];
    for (const other of this.shown.toSorted((one, two) => away.get(one) - away.get(two))) {
      if ([point, ...chosen].every(({ time }) => Math.abs(time - other.time) > APART_MS)) chosen.push(other);
      if (chosen.length === count) break;
    }
    return chosen;
  }

  #begin(state) {
    this.#projection = new Projection();
    this.#known = new WeakMap();
    Object.assign(this, { shown: [], version: this.version + 1 });
    this.#state = state;
    this.#model = state?.model ?? "";
    this.#seen = -1;
    this.#fitted = { count: 0, at_ms: -Infinity };
    this.#moved_ms = -Infinity;
    this.#view = this.#viewBefore = null;
  }

  /** Embeddings may come later than their estimates, in any order. */
  #learn(points) {
    let learned = false;
    for (const point of points) {
      if (!point.embedding || this.#known.has(point)) continue;
      this.#known.set(point, { isShowable: this.#projection.take(point.embedding), before: null, place: null });
      learned = true;
    }
    return learned;
  }

  #isDue(nowMs) {
    const { count } = this.#projection;
    return count >= FIRST && count > this.#fitted.count && nowMs - this.#fitted.at_ms >= REFIT_MS;
  }

  #refit(points, nowMs) {
    this.#fitted = { count: this.#projection.count, at_ms: nowMs };
    const placed = this.shown.filter((point) => this.#known.get(point).place);
    const directions = this.#projection.axes ? null : leanings(this.#select(points));
    if (!this.#projection.refit(placed.map(({ embedding }) => embedding), directions)) return;
    this.#leave(nowMs);
    for (const point of placed) this.#known.get(point).place = this.#projection.place(point.embedding);
  }

  /** Let everything move from where it is now. */
  #leave(nowMs) {
    const here = this.shown.map((point) => this.place(point, nowMs));
    this.#viewBefore = this.#view && this.view(nowMs);
    this.shown.forEach((point, index) => (this.#known.get(point).before = here[index]));
    this.#moved_ms = this.#stillness.matches ? -Infinity : nowMs;
  }

  #progress(nowMs) {
    const share = Math.min(1, Math.max(0, (nowMs - this.#moved_ms) / MOVE_MS));
    return share * share * (3 - 2 * share);
  }

  #select(points) {
    const chosen = [];
    let finals = 0;
    let rolling = 0;
    for (let index = points.length - 1; index >= 0; index -= 1) {
      const point = points.at(index);
      if (!this.#known.get(point)?.isShowable) continue;
      if (point.final ? finals++ < MOST_FINALS : rolling++ < MOST - MOST_FINALS) chosen.push(point);
    }
    return chosen.reverse();
  }

  #fitView(nowMs) {
    if (!this.shown.length) return;
    const places = this.shown.map((point) => this.#known.get(point).place);
    if (!changed(this.#view, places)) return;
    this.#leave(nowMs);
    this.#view = viewAround(places);
    this.#viewBefore ??= this.#view;
  }
}

/**
 * In which direction activation and valence rise: so that the map looks like the affect plane as far as it can, and
 * the same however many moments it began with.
 */
function leanings(points) {
  return { up: leaning(points, "activation"), right: leaning(points, "valence") };
}

function leaning(points, name) {
  const mean = points.reduce((sum, point) => sum + point[name], 0) / points.length;
  const direction = new Float64Array(points[0].embedding.length);
  const centre = direction.map((_, axis) => points.reduce((sum, { embedding }) => sum + embedding[axis], 0) / points.length);
  for (const point of points) {
    centre.forEach((middle, axis) => (direction[axis] += (point[name] - mean) * (point.embedding[axis] - middle)));
  }
  return direction;
}

function distance(one, other) {
  return Math.hypot(...one.map((part, index) => part - other[index]));
}
