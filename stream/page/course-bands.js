/** The probabilities of the emotions in the course: bands upon each other, always in one order, named at the right. */

import { spread } from "./canvas-text.js";
import { xOf, yOf } from "./course-layout.js";
import { visible } from "./course-lines.js";
import { percent } from "./text.js";
import { averaged } from "./thinning.js";
import { runs } from "./timeline.js";
import { short } from "./words.js";

const BANDS = 8;

/** @param {import("./course-drawing.js").CourseScene} scene */
export function drawBands(context, scene, palette, within) {
  const { layout, moments, range, ratio, told } = scene;
  const newest = told ?? moments.points.at(-1);
  if (!newest) return;
  const names = Object.keys(newest.emotion).slice(0, BANDS);
  const columnMs = (range.to - range.from) / ((layout.right - layout.left) * ratio);
  within(context, layout, () => {
    for (const [begin, end] of runs(moments, ...visible(moments.points, range))) {
      const means = averaged(moments.points, begin, end, columnMs, names);
      names.forEach((name, index) => drawBand(context, scene, palette, means, index, name));
    }
  });
  if (told) drawLabels(context, scene, palette, names, told);
}

function drawBand(context, { layout, range }, palette, means, index, name) {
  // A lone estimate is as wide as can be seen.
  const ends = means.length > 1 ? means : [means[0], { ...means[0], time: means[0].time + 2 * msOfPixel(layout, range) }];
  const edge = (mean, count) => [xOf(layout, range, mean.time), yOf(layout.emotions, total(mean.shares, count), 0, 1)];
  context.beginPath();
  for (const mean of ends) context.lineTo(...edge(mean, index));
  for (let place = ends.length - 1; place >= 0; place -= 1) context.lineTo(...edge(ends[place], index + 1));
  context.closePath();
  context.fillStyle = colourOf(palette, name);
  context.globalAlpha = 0.8;
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = palette.paper;
  context.lineWidth = 1;
  context.stroke();
}

function drawLabels(context, { layout }, palette, names, told) {
  const { right, emotions, narrow } = layout;
  const shares = names.map((name) => told.emotion[name]);
  const wanted = names.map((_, index) => yOf(emotions, total(shares, index) + shares[index] / 2, 0, 1));
  const places = spread(wanted, palette.fontPx * 0.95, emotions);
  context.textAlign = "left";
  names.forEach((name, index) => {
    context.fillStyle = colourOf(palette, name);
    context.fillRect(right + 7, places[index] - 5, 10, 10);
    context.fillStyle = palette.ink;
    const text = short(name);
    context.fillText(narrow ? text : `${text} ${percent(shares[index])}`, right + 22, places[index]);
  });
}

const colourOf = (palette, name) => palette.emotions.get(name) ?? palette.muted;
const msOfPixel = ({ left, right }, { from, to }) => (to - from) / (right - left);

/** The sum of the first `count`. */
function total(shares, count) {
  let sum = 0;
  for (let index = 0; index < count; index += 1) sum += shares[index];
  return sum;
}
