/** How loud the input is in the course, second by second, and where it was too loud or silent. */

import { writeOnPaper } from "./canvas-text.js";
import { xOf, yOf } from "./course-layout.js";
import { QUIETEST_DBFS } from "./words.js";

const SECOND_MS = 1_000;
const ALARMS = { clipping: "too loud", muted: "muted" };

/** @param {import("./course-drawing.js").CourseScene} scene */
export function drawLevel(context, { layout, moments, range }, palette) {
  const { levels } = moments;
  context.fillStyle = palette.muted;
  context.globalAlpha = 0.75;
  context.beginPath();
  for (let index = 0; index < levels.length; index += 1) {
    const { time, dbfs } = levels.at(index);
    if (time < range.from || time - SECOND_MS > range.to) continue;
    const y = yOf(layout.level, dbfs, QUIETEST_DBFS, 0);
    const x = xOf(layout, range, time - SECOND_MS);
    context.rect(x, y, xOf(layout, range, time) - x, layout.level.bottom - y);
  }
  context.fill();
  context.globalAlpha = 1;
  for (const alarm of Object.keys(ALARMS)) drawAlarm(context, { layout, levels, range }, palette, alarm);
}

/** A bar above where it was so, named where it begins. */
function drawAlarm(context, { layout, levels, range }, palette, alarm) {
  context.fillStyle = palette.alarm;
  context.textAlign = "left";
  let reached = -Infinity;
  for (let index = 0; index < levels.length; index += 1) {
    const { time, [alarm]: raised } = levels.at(index);
    if (!raised || time < range.from || time - SECOND_MS > range.to) continue;
    const x = xOf(layout, range, time - SECOND_MS);
    context.fillRect(x, layout.level.top, xOf(layout, range, time) - x, 3);
    if (x > reached) {
      const y = layout.level.top + palette.fontPx * 0.75;
      writeOnPaper(context, ALARMS[alarm], Math.max(layout.left + 2, x), y, palette);
    }
    reached = Math.max(reached, x + context.measureText(ALARMS[alarm]).width + 8);
  }
}
