/** By what the streams of the wall can be sorted. */

/** @typedef {import("./state.js").StreamState} StreamState */

const ofEmotion = (name) => ({ latest }) => latest?.emotion[name];

/** The greatest first; a stream that has no such figure comes last. @type {Record<string, (state: StreamState) => number | undefined>} */
const FIGURES = {
  activation: ({ latest }) => latest?.activation,
  valence: ({ latest }) => latest?.valence,
  anger: ofEmotion("anger"),
  happiness: ofEmotion("happiness"),
  neutral: ofEmotion("neutral"),
  sadness: ofEmotion("sadness"),
  confidence: ({ latest }) => latest?.confidence,
  novelty: ({ latest }) => latest?.novelty,
  level: ({ status }) => status?.level_dbfs,
  "speech in the baseline": ({ latest }) => latest?.baselineS ?? undefined,
  "delay now": ({ delay }) => delay.nowMs ?? undefined,
  "delay p95": ({ delay }) => delay.p95Ms ?? undefined,
  "dropped audio": ({ status }) => status?.dropped_samples,
  "skipped events": ({ status }) => status?.skipped_events,
  "thinned estimates": ({ status }) => status?.thinned_updates,
  "latest estimate": ({ latest }) => latest?.time,
};

const byName = (one, other) => (one.name < other.name ? -1 : 1);

export const ORDERS = ["name", ...Object.keys(FIGURES)];

/**
 * @param {Iterable<StreamState>} states
 * @param {string} order one of ORDERS
 * @param {boolean} reversed
 * @returns {StreamState[]}
 */
export function sorted(states, order, reversed) {
  const figure = FIGURES[order];
  const turn = reversed ? -1 : 1;
  if (!figure) return [...states].sort((one, other) => turn * byName(one, other));
  const keyed = [...states].map((state) => ({ state, value: figure(state) }));
  const worth = ({ value }) => (value === undefined ? -Infinity : turn * value);
  return keyed.sort((one, other) => worth(other) - worth(one) || byName(one.state, other.state)).map(({ state }) => state);
}
