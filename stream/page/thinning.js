/**
 * What of many estimates is drawn on few pixels. Columns lie on a grid of absolute time: a line that moves on with the
 * clock keeps its shape.
 */

/**
 * The points of [begin, end) that a line goes through: of each column the first, the lowest, the highest and the last.
 * @param {ArrayLike<object>} points @param {number} columnMs @param {(point: object) => number} valueOf
 */
export function* thinned(points, begin, end, columnMs, valueOf) {
  for (const [first, last] of columns(points, begin, end, columnMs)) {
    let low = first;
    let high = first;
    for (let index = first + 1; index <= last; index += 1) {
      if (valueOf(points.at(index)) < valueOf(points.at(low))) low = index;
      if (valueOf(points.at(index)) > valueOf(points.at(high))) high = index;
    }
    const kept = [first, Math.min(low, high), Math.max(low, high), last];
    for (let place = 0; place < kept.length; place += 1) if (kept[place] !== kept[place - 1]) yield points.at(kept[place]);
  }
}

/**
 * The mean probabilities of each column, in the order of `names`.
 * @returns {{time: number, shares: number[]}[]}
 */
export function averaged(points, begin, end, columnMs, names) {
  const means = [];
  for (const [first, last] of columns(points, begin, end, columnMs)) {
    const shares = names.map(() => 0);
    let time = 0;
    for (let index = first; index <= last; index += 1) {
      const point = points.at(index);
      time += point.time / (last - first + 1);
      names.forEach((name, place) => {
        if (Object.hasOwn(point.emotion, name)) shares[place] += point.emotion[name] / (last - first + 1);
      });
    }
    means.push({ time, shares });
  }
  return means;
}

/** [first, last] of each column that has points. */
function* columns(points, begin, end, columnMs) {
  let first = begin;
  for (let index = begin + 1; index <= end; index += 1) {
    if (index < end && columnOf(points.at(index), columnMs) === columnOf(points.at(first), columnMs)) continue;
    if (first < end) yield [first, index - 1];
    first = index;
  }
}

const columnOf = ({ time }, columnMs) => Math.floor(time / columnMs);
