/** How the affect plane is drawn: valence to the right, activation up, both in [-1, 1]. */

import { writeOnPaper } from "./canvas-text.js";
import { font } from "./palette.js";
import { firstFrom, runs } from "./timeline.js";

export const TRAIL_MS = 20_000;
/** In so many steps the trail fades. */
const FADES = 16;
const TURN = 2 * Math.PI;
/** In units of the plane: what a dot of full confidence and one of none are surrounded by. */
const HALO = { sure: { radius: 0.06, opacity: 0.42 }, unsure: { radius: 0.26, opacity: 0.1 } };
const QUADRANTS = [
  { text: "tense, upset", valence: -1, activation: 1 },
  { text: "lively, glad", valence: 1, activation: 1 },
  { text: "low, weary", valence: -1, activation: -1 },
  { text: "calm, content", valence: 1, activation: -1 },
];

/**
 * @typedef {object} PlaneBox where the plane lies on its canvas, in CSS pixels
 * @property {number} left
 * @property {number} top
 * @property {number} side
 *
 * @typedef {object} PlaneScene
 * @property {import("./timeline.js").Moments} moments
 * @property {number} newest where the trail ends, ms
 * @property {{valence: number, activation: number, confidence: number}|null} dot
 * @property {boolean} speaking
 * @property {object|null} marked the estimate that is pointed at
 */

/** The largest square that leaves `margin` around. @returns {PlaneBox} */
export function planeBox(width, height, margin) {
  const side = Math.max(1, Math.min(width, height) - 2 * margin);
  return { left: (width - side) / 2, top: (height - side) / 2, side };
}

/** Where an estimate lies. */
export function place({ left, top, side }, { valence, activation }) {
  return { x: left + (side * (valence + 1)) / 2, y: top + (side * (1 - activation)) / 2 };
}

/** How the halo of a dot looks: the less sure, the wider and fainter. */
export function halo({ side }, confidence) {
  const between = (name) => HALO.unsure[name] + (HALO.sure[name] - HALO.unsure[name]) * confidence;
  return { radius: (between("radius") * side) / 2, opacity: between("opacity") };
}

/** What can be pointed at: the trail and the estimates of whole regions, oldest first. */
export function tellable(points, newest) {
  const trail = firstFrom(points, newest - TRAIL_MS);
  const told = [];
  for (let index = 0; index < points.length; index += 1) {
    const point = points.at(index);
    if (index >= trail || point.final) told.push(point);
  }
  return told;
}

/** Draw all of it but the labels; enough for a small plane. */
export function drawPlane(context, box, scene, palette) {
  const scale = Math.max(0.6, Math.min(1.6, box.side / 420));
  drawFrame(context, box, palette);
  drawOrigin(context, box, palette, scale);
  drawFinals(context, box, scene, palette, scale);
  drawTrail(context, box, scene, palette, scale);
  if (scene.dot) drawDot(context, box, scene, palette, scale);
  if (scene.marked) drawMarked(context, box, scene.marked, palette, scale);
}

/** Draw what the places of the plane mean, in words. */
export function drawPlaneLabels(context, box, palette) {
  const { left, top, side } = box;
  const middle = { x: left + side / 2, y: top + side / 2 };
  const out = palette.fontPx * 0.7;
  context.font = font(palette, 0.75);
  context.fillStyle = palette.muted;
  context.textBaseline = "middle";
  for (const { text, valence, activation } of QUADRANTS) {
    context.textAlign = valence < 0 ? "left" : "right";
    const at = place(box, { valence, activation });
    context.fillText(text, at.x - valence * 8, at.y + activation * out);
  }
  context.textAlign = "center";
  context.fillText("excited", middle.x, top - out);
  context.fillText("calm", middle.x, top + side + out);
  drawTurned(context, "negative", left - out, middle.y, -TURN / 4);
  drawTurned(context, "positive", left + side + out, middle.y, TURN / 4);
  context.textAlign = "left";
  writeOnPaper(context, "neutral baseline", middle.x + 9, middle.y + out, palette);
}


function drawTurned(context, text, x, y, turn) {
  context.save();
  context.translate(x, y);
  context.rotate(turn);
  context.fillText(text, 0, 0);
  context.restore();
}

function drawFrame(context, { left, top, side }, palette) {
  context.strokeStyle = palette.grid;
  context.lineWidth = 1;
  context.strokeRect(left, top, side, side);
  for (const [shares, dashes] of [[[0.5], []], [[0.25, 0.75], [1, 5]]]) {
    context.setLineDash(dashes);
    context.beginPath();
    for (const share of shares) {
      context.moveTo(left + share * side, top);
      context.lineTo(left + share * side, top + side);
      context.moveTo(left, top + share * side);
      context.lineTo(left + side, top + share * side);
    }
    context.stroke();
  }
  context.setLineDash([]);
}

function drawOrigin(context, box, palette, scale) {
  const { x, y } = place(box, { valence: 0, activation: 0 });
  const reach = 6 * scale;
  context.strokeStyle = palette.muted;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x - reach, y);
  context.lineTo(x + reach, y);
  context.moveTo(x, y - reach);
  context.lineTo(x, y + reach);
  context.stroke();
}

function drawFinals(context, box, { moments: { points } }, palette, scale) {
  context.strokeStyle = palette.ink;
  context.lineWidth = 1.25;
  context.globalAlpha = 0.55;
  for (let index = 0; index < points.length; index += 1) {
    if (points.at(index).final) drawRing(context, place(box, points.at(index)), 4 * scale);
  }
  context.globalAlpha = 1;
}

function drawTrail(context, box, { moments, newest, dot }, palette, scale) {
  const { points } = moments;
  const freshness = (index) => Math.ceil(FADES * (1 - (newest - points.at(index).time) / TRAIL_MS)) / FADES;
  const at = (index) => place(box, dot && index === points.length - 1 ? dot : points.at(index));
  context.strokeStyle = palette.accent;
  context.lineJoin = "round";
  for (const [begin, end] of runs(moments, firstFrom(points, newest - TRAIL_MS))) {
    for (let first = begin; first + 1 < end; ) {
      let last = first + 1;
      while (last + 1 < end && freshness(last + 1) === freshness(first + 1)) last += 1;
      drawPiece(context, at, first, last, Math.max(0, freshness(first + 1)), scale);
      first = last;
    }
  }
  context.globalAlpha = 1;
}

/** Pieces that are equally fresh are one line: single segments would show where they overlap. */
function drawPiece(context, at, first, last, freshness, scale) {
  context.globalAlpha = 0.85 * freshness;
  context.lineWidth = (1 + 2.5 * freshness) * scale;
  context.beginPath();
  for (let index = first; index <= last; index += 1) context.lineTo(at(index).x, at(index).y);
  context.stroke();
}

/** Hollow while nobody speaks: what is shown is the last that was said. */
function drawDot(context, box, { dot, speaking }, palette, scale) {
  const at = place(box, dot);
  const { radius, opacity } = halo(box, dot.confidence);
  context.fillStyle = palette.accent;
  context.globalAlpha = opacity;
  context.beginPath();
  context.arc(at.x, at.y, radius, 0, TURN);
  context.fill();
  context.globalAlpha = 1;
  context.fillStyle = speaking ? palette.accent : palette.paper;
  context.strokeStyle = speaking ? palette.paper : palette.accent;
  context.lineWidth = 2 * scale;
  context.beginPath();
  context.arc(at.x, at.y, 7 * scale, 0, TURN);
  context.fill();
  context.stroke();
}

function drawMarked(context, box, marked, palette, scale) {
  const at = place(box, marked);
  context.strokeStyle = palette.ink;
  context.lineWidth = 2;
  drawRing(context, at, 8 * scale);
  context.fillStyle = palette.ink;
  context.beginPath();
  context.arc(at.x, at.y, 2.5 * scale, 0, TURN);
  context.fill();
}

function drawRing(context, { x, y }, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, TURN);
  context.stroke();
}
