/** An estimate as the page keeps it. */

import { percent, plain, signed } from "./text.js";

const EMOTIONS = 16;
const NAME_CHARACTERS = 40;

/**
 * @typedef {object} Point one estimate
 * @property {number} time ms since the epoch, where the audio that it speaks of ends
 * @property {number} start where that begins
 * @property {number} activation @property {number} valence in [-1, 1]
 * @property {Object<string, number>} emotion probability by name
 * @property {string} likeliest the name of the greatest of them
 * @property {number} confidence @property {number} novelty in [0, 1]
 * @property {number} speechS @property {number} baselineS seconds
 * @property {number[] | null} embedding only where it was asked for, as are features
 * @property {Object<string, [number, number]> | null} features value and standard score by eGeMAPS name
 * @property {boolean} final whether it speaks of a whole region that is over
 * @property {string} session @property {number | null} seq where it came from
 */

/**
 * @param {object} event affect, or speech.ended with an estimate
 * @param {{start: number, time: number, session: string}} where and of which session: a string that all points share
 * @returns {Point}
 */
export function pointOf(event, { start, time, session }) {
  const named = Object.entries(event.emotion).slice(0, EMOTIONS);
  const emotion = Object.fromEntries(named.map(([name, share]) => [plain(name, NAME_CHARACTERS), share]));
  const [likeliest] = Object.entries(emotion).reduce((best, next) => (next[1] > best[1] ? next : best), ["", -1]);
  const { seq, activation, valence, confidence, novelty, embedding = null, features = null } = event;
  const rest = { confidence, novelty, speechS: event.speech_s, baselineS: event.baseline_s, embedding, features };
  const isFinal = event.type === "speech.ended";
  return { time, start, activation, valence, emotion, likeliest, ...rest, final: isFinal, session, seq };
}

/** What an estimate says, in words. @param {Point} point */
export function said({ activation, valence, emotion, likeliest }) {
  const values = `activation ${signed(activation)}, valence ${signed(valence)}`;
  return `${values}, ${likeliest} ${percent(emotion[likeliest])}`;
}
