/** Which stretch of time a chart shows: frozen views and the arithmetic between them, all in ms. */

export const LONGEST_MS = 300_000;
export const SHORTEST_MS = 5_000;
/** What a view that fits itself may span: it grows in steps, so that the picture stands still in between. */
const FITTING_MS = [60_000, 120_000, 180_000, 240_000, LONGEST_MS];

/**
 * @typedef {object} View
 * @property {number|null} spanMs what is shown at once; null: what fits all there is
 * @property {number|null} endMs where it ends; null: at the newest there is, moving on with it
 * @typedef {object} Bounds what there is to see
 * @property {number} oldest
 * @property {number} newest
 */

/** @type {View} */
export const WHOLE = Object.freeze({ spanMs: null, endMs: null });

/** @param {View} view @param {Bounds} bounds @returns {{from: number, to: number, spanMs: number}} */
export function rangeOf(view, bounds) {
  const spanMs = view.spanMs ?? fitting(bounds);
  const to = view.endMs === null ? bounds.newest : within(view.endMs, spanMs, bounds);
  return { from: to - spanMs, to, spanMs };
}

/** The view that ends where this one does now and stays there. */
export function held(view, bounds) {
  return Object.freeze({ ...view, endMs: rangeOf(view, bounds).to });
}

/** The view that moves on with the newest, as wide as this one. */
export function live(view) {
  return Object.freeze({ ...view, endMs: null });
}

/** The view moved by `byMs`, back where negative; forward past the newest it is live again. */
export function panned(view, byMs, bounds) {
  const { to, spanMs } = rangeOf(view, bounds);
  if (to + byMs > bounds.newest) return live(view);
  return Object.freeze({ spanMs: view.spanMs, endMs: within(to + byMs, spanMs, bounds) });
}

/** The view `factor` times as wide; what stands at `anchorMs` stays there, and a live view stays live. */
export function zoomed(view, factor, anchorMs, bounds) {
  const before = rangeOf(view, bounds);
  const spanMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, before.spanMs * factor));
  if (view.endMs === null) return Object.freeze({ spanMs, endMs: null });
  const share = (before.to - anchorMs) / before.spanMs;
  return Object.freeze({ spanMs, endMs: within(anchorMs + share * spanMs, spanMs, bounds) });
}

/** The view moved just so far that `time` is in it. */
export function revealing(view, time, bounds) {
  const { from, to } = rangeOf(view, bounds);
  if (time >= from && time <= to) return view;
  return panned(view, time < from ? time - from : time - to, bounds);
}

function fitting({ oldest, newest }) {
  return FITTING_MS.find((spanMs) => newest - oldest <= spanMs) ?? LONGEST_MS;
}

function within(endMs, spanMs, { oldest, newest }) {
  return Math.min(newest, Math.max(endMs, Math.min(newest, oldest + spanMs)));
}
