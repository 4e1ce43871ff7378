/** From vectors of many dimensions to a plane that is held steady as more of them come. Nothing here draws. */

import { dot, principalAxes, shareOf, Spread } from "./principal.js";

/** Longer vectors are not looked at: a refit must fit into a frame. */
const LARGEST_SIZE = 128;
/** No embedding comes near it; beyond, sums of squares would lose their digits. */
const LARGEST_VALUE = 1e6;
/** Axes are held while better ones would show no more than this share of the variance in addition. */
const WORTH_MOVING = 0.02;

/** @typedef {[number, number]} Place @typedef {import("./principal.js").Axes} Axes */

/**
 * The rotation, mirrored where that fits better, that brings `from` closest to `to`: the orthogonal Procrustes
 * problem (Schönemann, Psychometrika 31(1), 1966), which has a closed form in the plane.
 * @param {Place[]} from both around the origin @param {Place[]} to @returns {[Place, Place]} rows of a matrix
 */
export function alignment(from, to) {
  const sums = [0, 0, 0, 0];
  from.forEach(([x, y], index) => {
    const [u, v] = to[index];
    [u * x, u * y, v * x, v * y].forEach((product, entry) => (sums[entry] += product));
  });
  const [ux, uy, vx, vy] = sums;
  const turned = [ux + vy, vx - uy];
  const mirrored = [ux - vy, uy + vx];
  const isMirrored = Math.hypot(...mirrored) > Math.hypot(...turned);
  const [a, b] = isMirrored ? mirrored : turned;
  const length = Math.hypot(a, b);
  if (!length) return [[1, 0], [0, 1]];
  const [cosine, sine] = [a / length, b / length];
  return isMirrored ? [[cosine, sine], [sine, -cosine]] : [[cosine, -sine], [sine, cosine]];
}

/** A map that learns from every vector and moves only when told to, and then no more than it must. */
export class Projection {
  /** Share of the variance shown, in [0, 1]. */
  share = 0;
  /** @type {Axes | null} */
  axes = null;
  #offset = [0, 0];
  /** @type {Spread | null} */
  #spread = null;

  /** Dimensions of the vectors; 0 before the first. */
  get size() {
    return this.#spread?.mean.length ?? 0;
  }

  get count() {
    return this.#spread?.count ?? 0;
  }

  /** Learn from `vector`; false where it is none that this map can show. */
  take(vector) {
    if (!isVector(vector) || (this.#spread && vector.length !== this.size)) return false;
    this.#spread ??= new Spread(vector.length);
    this.#spread.add(vector);
    return true;
  }

  /**
   * Take the principal axes of all that was learned, where they show enough more than those at hand, turned so that
   * the vectors `shown` stay where they are as well as they can. True where anything moved. Where nothing was shown
   * before, the direction of `up` is up, and that of `right` not to the left.
   * @param {ArrayLike<number>[]} shown @param {{up: Float64Array, right: Float64Array} | null} [directions]
   */
  refit(shown, directions = null) {
    const best = principalAxes(this.#spread);
    const possible = shareOf(best, this.#spread);
    this.share = this.axes ? shareOf(this.axes, this.#spread) : 0;
    if (this.axes && possible - this.share < WORTH_MOVING) return false;
    this.share = possible;
    if (!this.axes || !shown.length) this.#begin(directions ? facing(best, directions) : best);
    else this.#align(best, shown);
    return true;
  }

  /** Where `vector` lies. @returns {Place} */
  place(vector) {
    return this.axes.map((axis, index) => dot(axis, vector) - this.#offset[index]);
  }

  #begin(axes) {
    this.axes = axes;
    this.#offset = axes.map((axis) => dot(axis, this.#spread.mean));
  }

  #align(axes, shown) {
    const { places: to, centre: held } = centred(shown.map((vector) => this.place(vector)));
    const { places: from } = centred(shown.map((vector) => axes.map((axis) => dot(axis, vector))));
    this.axes = alignment(from, to).map(([a, b]) => axes[0].map((part, index) => a * part + b * axes[1][index]));
    const { centre } = centred(shown.map((vector) => this.axes.map((axis) => dot(axis, vector))));
    this.#offset = centre.map((value, index) => value - held[index]);
  }
}

/** The same plane with `up` upwards; nothing but the way it is looked at. @returns {Axes} */
function facing(axes, { up, right }) {
  const [a, b] = axes.map((axis) => dot(axis, up));
  const length = Math.hypot(a, b);
  if (!length) return axes;
  const turned = ([along, across]) => axes[0].map((part, index) => (along * part + across * axes[1][index]) / length);
  const rightwards = turned([b, -a]);
  return [dot(rightwards, right) < 0 ? rightwards.map((part) => -part) : rightwards, turned([a, b])];
}

function centred(places) {
  const centre = [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
  return { centre, places: places.map(([x, y]) => [x - centre[0], y - centre[1]]) };
}

function isVector(value) {
  return (
    Array.isArray(value) && value.length > 1 && value.length <= LARGEST_SIZE &&
    value.every((part) => Number.isFinite(part) && Math.abs(part) <= LARGEST_VALUE)
  );
}
