/** Activation and valence in the course: a solid and a dashed line, and what whole regions amounted to. */

import { spread } from "./canvas-text.js";
import { xOf, yOf } from "./course-layout.js";
import { signed } from "./text.js";
import { thinned } from "./thinning.js";
import { firstFrom, runs } from "./timeline.js";

const SIZE = { narrow: 2.5, wide: 4 };
const WIDTH = { narrow: 1.25, wide: 2 };
/** Of each value: its colour, its dashes, and the mark of an estimate of a whole region. */
const LINES = [
  { name: "activation", colour: "accent", dashes: [], mark: circle },
  { name: "valence", colour: "ink", dashes: [6, 4], mark: diamond },
];

/** @param {import("./course-drawing.js").CourseScene} scene */
export function drawLines(context, scene, palette, within) {
  within(context, scene.layout, () => {
    for (const line of LINES) drawLine(context, scene, palette, line);
    for (const line of LINES) drawMarks(context, scene, palette, line);
  });
  if (scene.told) drawLabels(context, scene, palette, scene.told);
}

function drawLine(context, scene, palette, { name, colour, dashes }) {
  const { layout, moments, range, ratio } = scene;
  const { points } = moments;
  const columnMs = (range.to - range.from) / ((layout.right - layout.left) * ratio);
  context.strokeStyle = context.fillStyle = palette[colour];
  context.lineWidth = layout.narrow ? WIDTH.narrow : WIDTH.wide;
  context.lineJoin = "round";
  context.setLineDash(dashes);
  for (const [begin, end] of runs(moments, ...visible(points, range))) {
    context.beginPath();
    for (const point of thinned(points, begin, end, columnMs, (one) => one[name])) {
      context.lineTo(...placeOf(scene, point.time, point[name]));
    }
    context.stroke();
    if (end - begin === 1) dot(context, ...placeOf(scene, points.at(begin).time, points.at(begin)[name]));
  }
  context.setLineDash([]);
}

/** The indices of those in `range`, and of one on each side, as lines go on beyond. */
export function visible(points, { from, to }) {
  return [Math.max(0, firstFrom(points, from) - 1), Math.min(points.length, firstFrom(points, to) + 1)];
}

function drawMarks(context, scene, palette, { name, colour, mark }) {
  const { points } = scene.moments;
  const [begin, end] = visible(points, scene.range);
  context.lineWidth = 1.5;
  for (let index = begin; index < end; index += 1) {
    if (points.at(index).final) drawMark(context, scene, palette, points.at(index), name, colour, mark);
  }
}

function drawMark(context, scene, palette, point, name, colour, mark) {
  context.beginPath();
  mark(context, ...placeOf(scene, point.time, point[name]), scene.layout.narrow ? SIZE.narrow : SIZE.wide);
  context.fillStyle = palette.paper;
  context.strokeStyle = palette[colour];
  context.fill();
  context.stroke();
}

/** The names stand at the right, each with a piece of its line, near where the line is. */
function drawLabels(context, { layout, cursor, ...scene }, palette, told) {
  const { right, lines, narrow } = layout;
  const wanted = LINES.map(({ name }) => yOf(lines, told[name], -1, 1));
  const places = spread(wanted, palette.fontPx, lines);
  context.textAlign = "left";
  LINES.forEach(({ name, colour, dashes, mark }, index) => {
    context.strokeStyle = palette[colour];
    context.lineWidth = 2;
    context.setLineDash(dashes.map((length) => length / 2));
    context.beginPath();
    context.moveTo(right + 6, places[index]);
    context.lineTo(right + 18, places[index]);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = palette.ink;
    context.fillText(narrow ? name : `${name} ${signed(told[name])}`, right + 22, places[index]);
    if (cursor !== null) drawMark(context, { layout, ...scene }, palette, told, name, colour, mark);
  });
}

function placeOf({ layout, range }, time, value) {
  return [xOf(layout, range, time), yOf(layout.lines, value, -1, 1)];
}

function dot(context, x, y) {
  context.fillRect(x - 1, y - 1, 2, 2);
}

function circle(context, x, y, size) {
  context.arc(x, y, size, 0, 2 * Math.PI);
}

function diamond(context, x, y, size) {
  const reach = 1.25 * size;
  context.moveTo(x, y - reach);
  context.lineTo(x + reach, y);
  context.lineTo(x, y + reach);
  context.lineTo(x - reach, y);
  context.closePath();
}
