/**
 * What is usual for a speaker, in a feature's own unit. Events tell a value and its standard score; two of them
 * against the same baseline tell its mean.
 */

/** Scores closer than this would tell the mean too roughly; at the limit they are cut. */
const APART = 0.2;
const LIMIT = 9.9;

/** @typedef {import("./point.js").Point} Point */

export class Usual {
  #names;
  #first = null;
  #means = new Map();

  /** @param {string[]} names of the features that it is asked for */
  constructor(names) {
    this.#names = names;
  }

  /** Learn from a point that has features, later than all before. @param {Point} point */
  take(point) {
    const { baselineS, session, features } = point;
    // Less speech than before: someone else speaks.
    if (session !== this.#first?.session || baselineS < this.#first.baselineS) this.#means.clear();
    if (session !== this.#first?.session || baselineS !== this.#first.baselineS) this.#first = point;
    for (const name of this.#names) {
      const pair = features[name];
      const before = this.#first.features[name];
      if (pair && before) this.#compare(name, before, pair);
    }
  }

  /** The mean of feature `name`; null where it is not known yet. @returns {number|null} */
  of(name) {
    return this.#means.get(name) ?? null;
  }

  #compare(name, [firstValue, firstScore], [value, score]) {
    const isTelling = Math.abs(score - firstScore) >= APART && Math.max(Math.abs(score), Math.abs(firstScore)) <= LIMIT;
    if (isTelling) this.#means.set(name, value - (score * (value - firstValue)) / (score - firstScore));
  }
}
