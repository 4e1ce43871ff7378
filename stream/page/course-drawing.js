/** How the course of a stream is drawn: panels above one axis of time. */

import { timeTicks } from "./axis.js";
import { writeOnPaper } from "./canvas-text.js";
import { drawBands } from "./course-bands.js";
import { xOf, yOf } from "./course-layout.js";
import { drawLevel } from "./course-level.js";
import { drawLines } from "./course-lines.js";
import { font } from "./palette.js";
import { clock } from "./text.js";
import { spansWithin } from "./timeline.js";

const TICK_PX = 76;
const HATCH_PX = 6;
const NARROWEST_PX = 3;
const MISSING = { audio: "audio missing", events: "events missing" };
/** Panel, lowest and highest value, and what stands beside which of them. */
const SCALES = [
  ["lines", -1, 1, [[1, "+1"], [0, "0"], [-1, "−1"]]],
  ["emotions", 0, 1, [[1, "1"], [0, "0"]]],
  ["level", -60, 0, [[0, "0"], [-60, "−60"]]],
];
/** The lines have their names beside them. */
const TITLES = { emotions: "emotion: probability", level: "level: dBFS" };

/**
 * @typedef {object} CourseScene
 * @property {import("./course-layout.js").Layout} layout
 * @property {import("./timeline.js").Moments} moments
 * @property {{from: number, to: number}} range
 * @property {number} now where a region that is not over ends
 * @property {number} ratio pixels of the screen for each of CSS
 * @property {import("./point.js").Point|null} told the estimate whose values stand beside the panels
 * @property {number|null} cursor a time that is pointed at
 */

/** @param {CanvasRenderingContext2D} context @param {CourseScene} scene @param {import("./palette.js").Palette} palette */
export function drawCourse(context, scene, palette) {
  context.font = font(palette, 0.72);
  context.textBaseline = "middle";
  drawSpeech(context, scene, palette);
  drawScales(context, scene, palette);
  drawTicks(context, scene, palette);
  within(context, scene.layout, () => drawLevel(context, scene, palette));
  drawBands(context, scene, palette, within);
  drawLines(context, scene, palette, within);
  drawGaps(context, scene, palette);
  if (scene.cursor !== null) drawCursor(context, scene, palette);
}

/** Draw by `draw` what must not leave the panels. */
function within(context, { left, right, height }, draw) {
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, height);
  context.clip();
  draw();
  context.restore();
}

function drawSpeech(context, { layout, moments, range, now }, palette) {
  const { left, right, speech, lines, level } = layout;
  context.textAlign = "right";
  context.fillStyle = palette.muted;
  context.fillText("speech", left - 6, speech.title);
  for (const { start, end } of spansWithin(moments.regions, range.from, range.to, now)) {
    const from = Math.max(left, xOf(layout, range, start));
    const width = Math.max(1, Math.min(right, xOf(layout, range, end)) - from);
    context.fillStyle = palette.muted;
    context.globalAlpha = 0.7;
    context.fillRect(from, speech.top, width, speech.bottom - speech.top);
    context.fillStyle = palette.grid;
    context.globalAlpha = 0.4;
    context.fillRect(from, lines.top, width, level.bottom - lines.top);
    context.globalAlpha = 1;
  }
}

function drawScales(context, { layout }, palette) {
  context.lineWidth = 1;
  context.strokeStyle = palette.grid;
  for (const [name, low, high, values] of SCALES) {
    const panel = layout[name];
    context.fillStyle = palette.muted;
    context.textAlign = "left";
    if (TITLES[name]) context.fillText(TITLES[name], layout.left, panel.title);
    context.textAlign = "right";
    for (const [value, text] of values) {
      const y = Math.round(yOf(panel, value, low, high)) + 0.5;
      context.fillText(text, layout.left - 6, y);
      context.beginPath();
      context.moveTo(layout.left, y);
      context.lineTo(layout.right, y);
      context.stroke();
    }
  }
}

function drawTicks(context, { layout, range }, palette) {
  const { left, right, lines, level, ticks } = layout;
  context.textAlign = "center";
  context.strokeStyle = palette.grid;
  context.fillStyle = palette.muted;
  for (const { time, text } of timeTicks(range.from, range.to, Math.max(1, (right - left) / TICK_PX))) {
    const x = Math.round(xOf(layout, range, time)) + 0.5;
    context.beginPath();
    context.moveTo(x, lines.top);
    context.lineTo(x, level.bottom + 4);
    context.stroke();
    context.fillText(text, x, ticks);
  }
}

function drawGaps(context, scene, palette) {
  const { left, right, lines, level } = scene.layout;
  let written = -Infinity;
  context.textAlign = "left";
  for (const { from, to, kind } of gapsInPixels(scene)) {
    hatch(context, { left: from, right: to, top: lines.top, bottom: level.bottom }, palette);
    const text = MISSING[kind] ?? "missing";
    const room = context.measureText(text).width;
    const x = Math.max(left, Math.min(right - room, (from + to - room) / 2));
    if (x <= written) continue;
    written = x + room + 6;
    context.fillStyle = palette.alarm;
    writeOnPaper(context, text, x, lines.title, palette);
  }
}

/** Gaps that touch are one, and none is too narrow to be seen. */
function gapsInPixels({ layout, moments, range, now }) {
  const gaps = [];
  for (const { start, end, kind } of spansWithin(moments.gaps, range.from, range.to, now)) {
    const from = Math.max(layout.left, xOf(layout, range, start));
    const to = Math.min(layout.right, Math.max(from + NARROWEST_PX, xOf(layout, range, end)));
    const before = gaps.at(-1);
    if (before?.kind === kind && from <= before.to + 1) before.to = Math.max(before.to, to);
    else gaps.push({ from, to, kind });
  }
  return gaps;
}

/** Slanted lines: a gap is not known by its colour alone. */
function hatch(context, { left, right, top, bottom }, palette) {
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  context.clip();
  context.fillStyle = palette.paper;
  context.fillRect(left, top, right - left, bottom - top);
  context.strokeStyle = palette.alarm;
  context.lineWidth = 1;
  context.beginPath();
  const height = bottom - top;
  for (let x = Math.floor((left - height) / HATCH_PX) * HATCH_PX; x < right; x += HATCH_PX) {
    context.moveTo(x, bottom);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

function drawCursor(context, { layout, range, cursor }, palette) {
  const { speech, level, ticks } = layout;
  const x = xOf(layout, range, cursor);
  context.strokeStyle = palette.ink;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, speech.top);
  context.lineTo(x, level.bottom + 4);
  context.stroke();
  const text = clock(cursor);
  const half = context.measureText(text).width / 2 + 5;
  context.fillStyle = palette.ink;
  context.fillRect(x - half, ticks - palette.fontPx * 0.55, 2 * half, palette.fontPx * 1.1);
  context.fillStyle = palette.paper;
  context.textAlign = "center";
  context.fillText(text, x, ticks);
}
