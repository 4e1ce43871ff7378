/** The axis of time: where its ticks stand and what they say. */

import { clock } from "./text.js";

const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300].map((seconds) => 1000 * seconds);
const MINUTE_MS = 60_000;
const TO_THE_MINUTE = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/**
 * Ticks at round local times; offsets of time zones are whole minutes, and no step is longer than five.
 * @param {number} from ms @param {number} to ms @param {number} most how many there may be
 * @returns {{time: number, text: string}[]}
 */
export function timeTicks(from, to, most) {
  const step = STEPS_MS.find((ms) => (to - from) / ms <= most) ?? STEPS_MS.at(-1);
  const write = step % MINUTE_MS ? clock : (time) => TO_THE_MINUTE.format(time);
  const ticks = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) ticks.push({ time, text: write(time) });
  return ticks;
}
