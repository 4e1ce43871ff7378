/** Which part of the plane the map shows: it stands still while everything fits and is not lost in it. */

/** What is left around, so that not every new moment moves all others. */
const ROOM = 1.25;
const LOST = 0.4;
const SMALLEST = 1e-3;

/**
 * @typedef {object} MapView in units of the embedding
 * @property {number} x the middle
 * @property {number} y
 * @property {number} across half of the width
 * @property {number} up half of the height
 *
 * @typedef {import("./projection.js").Place} Place
 */

/** @param {Place[]} places at least one @returns {MapView} */
export function viewAround(places) {
  const box = boxOf(places);
  return { ...box, across: ROOM * box.across, up: ROOM * box.up };
}

/** Whether `view` no longer serves for `places`. @param {MapView|null} view @param {Place[]} places */
export function changed(view, places) {
  if (!view) return true;
  const box = boxOf(places);
  const isOut =
    Math.abs(box.x - view.x) + box.across > view.across || Math.abs(box.y - view.y) + box.up > view.up;
  return isOut || (box.across < LOST * view.across && box.up < LOST * view.up && box.across > SMALLEST);
}

/** @param {MapView} from @param {MapView} to @param {number} share in [0, 1] @returns {MapView} */
export function interpolated(from, to, share) {
  const between = (name) => from[name] + share * (to[name] - from[name]);
  return { x: between("x"), y: between("y"), across: between("across"), up: between("up") };
}

/** Where a place lies on a canvas, in CSS pixels; both directions have the same scale. */
export function onCanvas(view, { width, height }, margin) {
  const scale = Math.max(0, Math.min((width / 2 - margin) / view.across, (height / 2 - margin) / view.up));
  return ([x, y]) => ({ x: width / 2 + scale * (x - view.x), y: height / 2 - scale * (y - view.y) });
}

function boxOf(places) {
  const [x, y] = [0, 1].map((axis) => {
    let [least, most] = [Infinity, -Infinity];
    for (const place of places) {
      least = Math.min(least, place[axis]);
      most = Math.max(most, place[axis]);
    }
    return { middle: (least + most) / 2, half: Math.max(SMALLEST, (most - least) / 2) };
  });
  return { x: x.middle, y: y.middle, across: x.half, up: y.half };
}
