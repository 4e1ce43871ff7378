/** What the course says in words: the values at one time. */

import { clock, percent } from "./text.js";
import { firstFrom, spansWithin } from "./timeline.js";
import { decibels, describe, short } from "./words.js";

const SECOND_MS = 1_000;

/**
 * @param {import("./timeline.js").Moments} moments
 * @param {import("./point.js").Point|null} told the estimate that is spoken of
 * @param {number|null} cursor the time that is pointed at, where one is
 */
export function courseText(moments, told, cursor) {
  const time = cursor ?? told?.time ?? null;
  if (time === null) return "No estimate in view.";
  const said = told ? estimate(told) : `${clock(time)}: ${silence(moments, time)}`;
  const level = moments.levels.at(firstFrom(moments.levels, time));
  return level && level.time - time < SECOND_MS ? `${said}; level ${decibels(level.dbfs)}` : said;
}

/** With the other emotions, too: the likeliest is described. */
function estimate(point) {
  const others = Object.entries(point.emotion).filter(([name]) => name !== point.likeliest);
  const shares = others.map(([name, share]) => `${short(name)} ${percent(share)}`);
  return [describe(point), shares.join(", ")].filter(Boolean).join("; ");
}

function silence({ gaps, regions }, time) {
  for (const { kind } of spansWithin(gaps, time, time, time)) {
    return kind === "events" ? "events are missing" : "audio is missing";
  }
  for (const _ of spansWithin(regions, time, time, time)) return "speech, no estimate yet";
  return "no speech";
}
