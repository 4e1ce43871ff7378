/** What the charts say in words. */

import { said } from "./point.js";
import { clock, percent, plain } from "./text.js";

const NAME_CHARACTERS = 24;

/** Where bars of levels begin. */
export const QUIETEST_DBFS = -60;
const SAMPLE_RATE = 16_000;

/** @param {number} dbfs */
export const decibels = (dbfs) => `${dbfs < 0 ? "−" : ""}${Math.abs(dbfs).toFixed(0)} dBFS`;

/** @param {number} samples as events count them */
export const secondsOf = (samples) => `${(samples / SAMPLE_RATE).toFixed(1)} s`;

/** What an estimate says, and of when. @param {import("./point.js").Point} point */
export function describe(point) {
  const whole = point.final ? ", whole utterance" : "";
  return `${clock(point.time)}${whole}: ${said(point)}, confidence ${percent(point.confidence)}`;
}

/** A name of others where there is little room. */
export const short = (name) => plain(name, NAME_CHARACTERS);
