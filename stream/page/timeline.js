/**
 * Finding things by time in what is ordered by it: a Ring of the store, or an array.
 *
 * @typedef {object} Moments what a chart draws of a stream: rings or arrays, oldest first, times in ms
 * @property {string} name
 * @property {string} model of which all of it is
 * @property {ArrayLike<import("./point.js").Point>} points
 * @property {ArrayLike<import("./state.js").Level>} levels
 * @property {ArrayLike<import("./state.js").Region>} regions
 * @property {ArrayLike<import("./state.js").Hole>} gaps
 */

/** Estimates further apart do not belong together, whatever else was missed: no hop is as long. */
const JOINED_MS = 6_000;

const timeOf = (item) => item.time;
const startOf = (item) => item.start;
const endOf = (item) => item.end;

/** The index of the first of `items` at `time` or later; their number where there is none. */
export function firstFrom(items, time, key = timeOf) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(items.at(middle)) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index of the one nearest to `time`; -1 where none is within `reachMs`. */
export function nearest(items, time, reachMs) {
  const after = firstFrom(items, time);
  const away = (index) => (index < 0 || index >= items.length ? Infinity : Math.abs(items.at(index).time - time));
  const index = away(after - 1) < away(after) ? after - 1 : after;
  return away(index) <= reachMs ? index : -1;
}

/**
 * Those of `spans` that touch the stretch from `from` to `to`, as {start, end, ...}. One without an end lasts until
 * now, or until the next where its end was never told.
 */
export function* spansWithin(spans, from, to, now) {
  for (let index = 0; index < spans.length; index += 1) {
    const span = spans.at(index);
    const end = span.end ?? (index + 1 < spans.length ? spans.at(index + 1).start : now);
    if (end >= from && span.start <= to) yield { ...span, end };
  }
}

/**
 * Stretches of rolling estimates that follow each other, as [begin, end) of the points: a line is drawn through each.
 * They break at gaps and between regions; the estimates of whole regions are in none.
 * @param {Moments} moments
 */
export function* runs({ points, regions, gaps }, begin = 0, end = points.length) {
  let first = begin;
  for (let index = begin; index < end; index += 1) {
    const point = points.at(index);
    if (point.final) {
      if (index > first) yield [first, index];
      first = index + 1;
    } else if (index > first && isBroken(points.at(index - 1).time, point.time, regions, gaps)) {
      yield [first, index];
      first = index;
    }
  }
  if (end > first) yield [first, end];
}

function isBroken(before, after, regions, gaps) {
  if (after - before > JOINED_MS) return true;
  // Times are whole ms: what merely touches an estimate does not part it from the next.
  const gap = gaps.at(firstFrom(gaps, before + 1, endOf));
  const region = regions.at(firstFrom(regions, before + 1, startOf));
  return Boolean((gap && gap.start < after) || (region && region.start < after));
}

/**
 * What there is to see of a stream at `now`: from the oldest that is held to the newest, in ms; null before anything.
 * @param {Moments} moments
 */
export function boundsOf({ points, levels, regions, gaps }, now) {
  const oldest = Math.min(...[points, levels].map((ring) => ring.at(0)?.time ?? Infinity),
    ...[regions, gaps].map((ring) => ring.at(0)?.start ?? Infinity));
  const newest = Math.max(now, points.at(-1)?.time ?? now, levels.at(-1)?.time ?? now);
  return oldest === Infinity ? null : { oldest: Math.min(oldest, newest), newest };
}

/** A copy that stays as it is while the stream goes on. @param {Moments} moments @returns {Moments} */
export function copied({ name, model, points, levels, regions, gaps }) {
  const own = [...regions].map((region) => ({ ...region }));
  return { name, model, points: [...points], levels: [...levels], regions: own, gaps: [...gaps] };
}
