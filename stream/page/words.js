/** What the charts say in words. */

import { said } from "./point.js";
import { clock, percent, plain } from "./text.js";

const NAME_CHARACTERS = 24;

/** @param {number} dbfs */
export const decibels = (dbfs) => `${dbfs < 0 ? "−" : ""}${Math.abs(dbfs).toFixed(0)} dBFS`;

/** What an estimate says, and of when. @param {import("./point.js").Point} point */
export function describe(point) {
  const whole = point.final ? ", whole utterance" : "";
  return `${clock(point.time)}${whole}: ${said(point)}, confidence ${percent(point.confidence)}`;
}

/** A name of others where there is little room. */
export const short = (name) => plain(name, NAME_CHARACTERS);
