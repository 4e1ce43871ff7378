/** What of a stream someone looks at: live, or held still while the stream goes on. */

import { boundsOf, copied, firstFrom, nearest } from "./timeline.js";
import { held, live, panned, rangeOf, revealing, WHOLE, zoomed } from "./view.js";

/** An estimate as far from where someone points still speaks of it: the audio of the shortest window lasts as long. */
const REACH_MS = 1_000;
const REACH_PX = 8;

export class Viewing {
  view = WHOLE;
  /** A time that is pointed at, or null. */
  cursor = null;
  /** Counts up with every change. */
  version = 0;
  #state;
  #kept = null;
  #keptNow = 0;
  #now = 0;
  #stepped = null;

  /** @param {import("./state.js").StreamState|null} state */
  constructor(state) {
    this.#state = state;
  }

  /** Let the page's clock be `nowMs`; false while there is nothing to look at. */
  tick(nowMs) {
    if (!this.#state) return false;
    this.#now = this.#state.now(nowMs);
    return this.bounds !== null;
  }

  /** What is drawn: of a held view a copy, or what is being read would go away under the reader's eyes. */
  get moments() {
    return this.#kept ?? this.#state;
  }

  get now() {
    return this.#kept ? this.#keptNow : this.#now;
  }

  get bounds() {
    return this.moments && boundsOf(this.moments, this.now);
  }

  get range() {
    return rangeOf(this.view, this.bounds);
  }

  get isLive() {
    return this.view.endMs === null;
  }

  /** How far in ms the view lies behind the stream. */
  get behindMs() {
    return this.isLive ? 0 : Math.max(0, this.#now - this.range.to);
  }

  /** The estimate at the cursor, or the newest in view where nothing is pointed at; null where there is none. */
  told(msOfPixel) {
    if (this.#stepped) return this.#stepped;
    const { points } = this.moments;
    const reach = Math.max(REACH_MS, REACH_PX * msOfPixel);
    const index = this.cursor === null ? this.#newestInView() : nearest(points, this.cursor, reach);
    return index < 0 ? null : points.at(index);
  }

  /** Point at `time`, or with null at nothing. */
  point(time) {
    if (time === this.cursor && !this.#stepped) return;
    this.#stepped = null;
    this.cursor = time;
    this.version += 1;
  }

  /** Point at the next estimate, with -1 at the one before; at first at the newest in view. */
  step(count) {
    const { points } = this.moments;
    if (!points.length) return;
    const index = this.cursor === null ? this.#newestInView() : this.#pointedAt() + count;
    const point = points.at(Math.max(0, Math.min(points.length - 1, index)));
    this.#look(revealing(this.view, point.time, this.bounds));
    this.point(point.time);
    this.#stepped = point;
  }

  #newestInView() {
    const { from, to } = this.range;
    const index = firstFrom(this.moments.points, to + 1) - 1;
    return index >= 0 && this.moments.points.at(index).time >= from ? index : -1;
  }

  /** Of several estimates of one time, as of a region and of its last window, the one that was stepped to. */
  #pointedAt() {
    const { points } = this.moments;
    let index = nearest(points, this.cursor, Infinity);
    while (this.#stepped && points.at(index + 1)?.time === this.cursor && points.at(index) !== this.#stepped) index += 1;
    return index;
  }

  pause() {
    this.#look(held(this.view, this.bounds));
  }

  resume() {
    this.#look(live(this.view));
  }

  pan(byMs) {
    this.#look(panned(this.view, byMs, this.bounds));
  }

  zoom(factor, anchorMs = this.range.to) {
    this.#look(zoomed(this.view, factor, anchorMs, this.bounds));
  }

  #look(view) {
    if (view === this.view) return;
    if (view.endMs === null) this.#kept = null;
    else if (!this.#kept) {
      this.#kept = copied(this.#state);
      this.#keptNow = this.#now;
    }
    this.view = view;
    this.version += 1;
  }
}
