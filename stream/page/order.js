/** By what the streams of the wall can be sorted. */

import { decibels } from "./words.js";
import { lasting, percent, signed } from "./text.js";

/** @typedef {import("./state.js").StreamState} StreamState */

const SAMPLE_RATE = 16_000;

const count = (number) => number.toLocaleString("en");
const milliseconds = (ms) => `${Math.round(ms)} ms`;
const estimated = (name, write) => ({ of: ({ latest }) => latest?.[name], write });
const told = (name, write = count) => ({ of: ({ status }) => status?.[name], write });
const emotion = (name) => ({ of: ({ latest }) => latest?.emotion[name], write: percent });

/**
 * What a stream has of each, undefined where it has none, and how that is written. The greatest come first.
 * @type {Record<string, {of: (state: StreamState) => number | undefined, write: (figure: number) => string}>}
 */
const FIGURES = {
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
  dropped: told("dropped_samples", (samples) => `${(samples / SAMPLE_RATE).toFixed(1)} s`),
  skipped: told("skipped_events"),
  thinned: told("thinned_updates"),
};

const byName = (one, other) => (one.name < other.name ? -1 : 1);

export const ORDERS = ["name", ...Object.keys(FIGURES)];

/**
 * @param {Iterable<StreamState>} states
 * @param {string} order one of ORDERS
 * @param {boolean} reversed streams that have no such figure come last also then
 * @returns {StreamState[]}
 */
export function sorted(states, order, reversed) {
  const turn = reversed ? -1 : 1;
  const figure = FIGURES[order];
  if (!figure) return [...states].sort((one, other) => turn * byName(one, other));
  const keyed = [...states].map((state) => ({ state, worth: turn * (figure.of(state) ?? -turn * Infinity) }));
  keyed.sort((one, other) => (one.worth === other.worth ? byName(one.state, other.state) : other.worth - one.worth));
  return keyed.map(({ state }) => state);
}

/** The figure that streams are sorted by, in words. @param {StreamState} state @param {string} order */
export function figureOf(state, order) {
  const figure = FIGURES[order]?.of(state);
  return figure === undefined ? "" : `${order} ${FIGURES[order].write(figure)}`;
}
