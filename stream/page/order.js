/** By what the streams of the wall can be sorted. */

import { decibels, secondsOf, short } from "./words.js";
import { lasting, percent, signed } from "./text.js";

/** @typedef {import("./state.js").StreamState} StreamState */

const count = (number) => number.toLocaleString("en");
const milliseconds = (ms) => `${Math.round(ms)} ms`;
const estimated = (name, write) => ({ of: ({ latest }) => latest?.[name], write });
const text = (name) => ({ of: (state) => state[name] || undefined, write: short });
const told = (name, write = count) => ({ of: ({ status }) => status?.[name], write });
const emotion = (name) => ({ of: ({ latest }) => latest?.emotion[name], write: percent });

/**
 * What a stream has of each, undefined where it has none, and how that is written where its tile does not say it
 * anyhow. The greatest come first, texts as in a dictionary.
 * @type {Record<string, {of: (state: StreamState, now_ms: number) => number | string | undefined,
 *   write: ((figure: number | string) => string) | null}>}
 */
const FIGURES = {
  name: { of: ({ name }) => name, write: null },
  source: text("source"),
  model: text("model"),
  state: { of: eventfulness, write: null },
  activation: estimated("activation", signed),
  valence: estimated("valence", signed),
  anger: emotion("anger"),
  happiness: emotion("happiness"),
  neutral: emotion("neutral"),
  sadness: emotion("sadness"),
  confidence: estimated("confidence", percent),
  novelty: estimated("novelty", percent),
  level: told("level_dbfs", decibels),
  baseline: { of: ({ latest }) => latest?.baselineS ?? undefined, write: lasting },
  "delay now": { of: ({ delay }) => delay.nowMs ?? undefined, write: milliseconds },
  "delay p95": { of: ({ delay }) => delay.p95Ms ?? undefined, write: milliseconds },
  dropped: told("dropped_samples", secondsOf),
  skipped: told("skipped_events"),
  thinned: told("thinned_updates"),
};

export const ORDERS = Object.keys(FIGURES);

/**
 * @param {Iterable<StreamState>} states
 * @param {string} order one of ORDERS
 * @param {boolean} reversed streams that are over, or have no such figure, come last also then
 * @param {number} now_ms
 * @returns {StreamState[]}
 */
export function sorted(states, order, reversed, now_ms) {
  const turn = reversed ? -1 : 1;
  const keyed = [...states].map((state) => ({ state, worth: FIGURES[order].of(state, now_ms) }));
  const byWorth = (one, other) => turn * compared(one.worth, other.worth);
  keyed.sort((one, other) => place(one) - place(other) || byWorth(one, other) || byName(one, other));
  return keyed.map(({ state }) => state);
}

/** What is not heard comes before what is too loud or muted, then speech, then silence. */
function eventfulness(state, now_ms) {
  if (state.silentSince(now_ms) !== null) return 3;
  return state.status?.muted || state.status?.clipping ? 2 : Number(state.speaking);
}

const place = ({ state, worth }) => (state.endedAt === null ? 0 : 2) + (worth === undefined ? 1 : 0);
const byName = (one, other) => compared(one.state.name, other.state.name);

function compared(one, other) {
  if (one === other) return 0;
  return (typeof one === "string" ? one < other : one > other) ? -1 : 1;
}

/** The figure that streams are sorted by, in words. @param {StreamState} state @param {string} order */
export function figureOf(state, order) {
  const { of, write } = FIGURES[order];
  const figure = write && of(state);
  return figure === undefined || figure === null ? "" : `${order} ${write(figure)}`;
}
