/** How the map of similar moments is drawn. */

import { pathOf } from "./marks.js";
import { font } from "./palette.js";

const TURN = 2 * Math.PI;
const OLDEST_OPACITY = 0.2;

/**
 * @typedef {object} Mark a moment and where it is, in CSS pixels
 * @property {import("./point.js").Point} point
 * @property {number} x
 * @property {number} y
 *
 * @typedef {object} MapScene
 * @property {Mark[]} marks oldest first
 * @property {Mark|null} marked the moment that is asked for
 * @property {Mark[]} alike those most like it
 * @property {"emotion"|"time"} by what colours tell
 * @property {number} radius of a mark, in CSS pixels
 */

/** @param {CanvasRenderingContext2D} context @param {MapScene} scene @param {import("./palette.js").Palette} palette */
export function drawMap(context, scene, palette) {
  scene.marks.forEach((mark, index) => {
    const age = scene.marks.length > 1 ? index / (scene.marks.length - 1) : 1;
    drawMark(context, mark, scene, age, palette);
  });
  for (const other of scene.alike) drawTie(context, scene.marked, other, palette);
  for (const mark of [...scene.alike, scene.marked]) if (mark) drawRing(context, mark, 2 * scene.radius, palette.ink);
  const newest = scene.marks.at(-1);
  if (newest) drawNewest(context, newest, scene, palette);
}

/** Whole utterances are larger, with an edge. */
function drawMark(context, { point, x, y }, { by, radius }, age, palette) {
  const size = point.final ? 1.7 * radius : radius;
  const byEmotion = by === "emotion";
  context.save();
  context.translate(x, y);
  context.scale(size, size);
  context.fillStyle = byEmotion ? (palette.emotions.get(point.likeliest) ?? palette.muted) : palette.accent;
  context.globalAlpha = byEmotion ? 0.8 : OLDEST_OPACITY + (1 - OLDEST_OPACITY) * age;
  context.fill(pathOf(point.likeliest));
  if (point.final) {
    context.globalAlpha = 1;
    context.strokeStyle = palette.ink;
    context.lineWidth = 1.25 / size;
    context.stroke(pathOf(point.likeliest));
  }
  context.restore();
}

function drawTie(context, from, to, palette) {
  context.strokeStyle = palette.ink;
  context.globalAlpha = 0.6;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

function drawNewest(context, mark, { radius, width }, palette) {
  const reach = 2.6 * radius;
  drawRing(context, mark, reach, palette.paper, 5);
  drawRing(context, mark, reach, palette.accent, 2.5);
  context.font = font(palette, 0.75, "600");
  context.fillStyle = palette.ink;
  context.textBaseline = "middle";
  const isLeft = mark.x < width / 2;
  context.textAlign = isLeft ? "left" : "right";
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = palette.paper;
  const at = mark.x + (isLeft ? 1 : -1) * (reach + 5);
  context.strokeText("newest", at, mark.y);
  context.fillText("newest", at, mark.y);
}

function drawRing(context, { x, y }, radius, colour, width = 1.5) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  context.arc(x, y, radius, 0, TURN);
  context.stroke();
}
