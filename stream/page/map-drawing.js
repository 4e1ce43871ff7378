/** How the map of similar moments is drawn. */

import { trace } from "./marks.js";
import { font } from "./palette.js";

const TURN = 2 * Math.PI;
const OLDEST_OPACITY = 0.2;
/** Opacities that tell ages. */
const AGES = 6;
const FINAL_SIZE = 1.7;

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
  for (const alike of grouped(scene.marks, scene.by)) drawGroup(context, alike, scene, palette);
  for (const other of scene.alike) drawTie(context, scene.marked, other, palette);
  for (const mark of [...scene.alike, scene.marked]) if (mark) drawRing(context, mark, 2 * scene.radius, palette.ink);
  const newest = scene.marks.at(-1);
  if (newest) drawNewest(context, newest, scene, palette);
}

/** Marks that look the same, to be drawn at once; whole utterances, which are larger and have an edge, last. */
function grouped(marks, by) {
  const groups = new Map();
  marks.forEach((mark, index) => {
    const { likeliest: emotion, final } = mark.point;
    const age = by === "time" ? Math.ceil((AGES * (index + 1)) / marks.length) / AGES : 1;
    const key = `${final}\n${age}\n${emotion}`;
    if (!groups.has(key)) groups.set(key, { emotion, final, age, marks: [] });
    groups.get(key).marks.push(mark);
  });
  return [...groups.values()].sort((one, other) => one.final - other.final || one.age - other.age);
}

function drawGroup(context, { emotion, final, age, marks }, { by, radius }, palette) {
  const byEmotion = by === "emotion";
  context.fillStyle = byEmotion ? (palette.emotions.get(emotion) ?? palette.muted) : palette.accent;
  context.globalAlpha = byEmotion ? 0.8 : OLDEST_OPACITY + (1 - OLDEST_OPACITY) * age;
  context.beginPath();
  for (const mark of marks) trace(context, emotion, mark, final ? FINAL_SIZE * radius : radius);
  context.fill();
  context.globalAlpha = 1;
  if (!final) return;
  context.strokeStyle = palette.ink;
  context.lineJoin = "miter";
  context.lineWidth = 1.25;
  context.stroke();
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
