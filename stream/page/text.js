/** How strings of others, numbers and times are written on the page. */

const SHOWN_CHARACTERS = 300;
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/**
 * Strings of others in a line of the page: short, without line breaks, control or direction characters.
 * @param {unknown} text
 * @param {number} [limit] characters
 */
export function plain(text, limit = SHOWN_CHARACTERS) {
  return String(text).slice(0, limit).replace(/[\p{C}\p{Z}]+/gu, " ").trim();
}

/** @param {number} share in [0, 1] */
export const percent = (share) => `${Math.round(100 * share)} %`;

/** @param {number} value in [-1, 1] */
export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** @param {number} time ms since the epoch; the answer is local time */
export const clock = (time) => CLOCK.format(time);

/** @param {number} duration_s @returns {string} such as "45 s" or "3 min 20 s" */
export function lasting(duration_s) {
  const whole_s = Math.max(0, Math.round(duration_s));
  return whole_s < 60 ? `${whole_s} s` : `${Math.floor(whole_s / 60)} min ${whole_s % 60} s`;
}
