/** Principal axes of vectors that come one at a time. Pure and deterministic. */

const ITERATIONS = 300;
const CONVERGED = 1e-14;
/** Directions that vary less than this share of the widest are taken as rounding. */
const FLAT = 1e-12;

/** @typedef {[Float64Array, Float64Array]} Axes two orthogonal unit vectors */

/** Mean and scatter of vectors, taken one at a time (Welford, Technometrics 4(3), 1962). */
export class Spread {
  count = 0;

  /** @param {number} size dimensions of a vector */
  constructor(size) {
    this.mean = new Float64Array(size);
    /** Sum of the outer products of the deviations, row by row. */
    this.scatter = new Float64Array(size * size);
  }

  add(vector) {
    const size = this.mean.length;
    this.count += 1;
    const before = this.mean.map((mean, index) => vector[index] - mean);
    for (let index = 0; index < size; index += 1) this.mean[index] += before[index] / this.count;
    for (let row = 0; row < size; row += 1) {
      const after = vector[row] - this.mean[row];
      for (let column = 0; column < size; column += 1) this.scatter[row * size + column] += after * before[column];
    }
  }
}

/**
 * The plane in which the vectors differ most, the wider axis first, each with its largest part positive; found by
 * orthogonal iteration (Golub and Van Loan, Matrix Computations, 8.2.4).
 * @param {Spread} spread @returns {Axes}
 */
export function principalAxes(spread) {
  let axes = orthonormal(seed(spread.mean.length, 1), seed(spread.mean.length, 2));
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    const next = orthonormal(times(spread.scatter, axes[0]), times(spread.scatter, axes[1]));
    if (!next) break;
    const turned = 2 - planeOverlap(axes, next);
    axes = next;
    if (turned < CONVERGED) break;
  }
  return widestFirst(axes, spread);
}

/** The share of all variance that `axes` show, in [0, 1]. @param {Axes} axes @param {Spread} spread */
export function shareOf(axes, spread) {
  const size = spread.mean.length;
  let total = 0;
  for (let index = 0; index < size; index += 1) total += spread.scatter[index * size + index];
  const shown = axes.reduce((sum, axis) => sum + dot(axis, times(spread.scatter, axis)), 0);
  return total > 0 ? Math.min(1, shown / total) : 1;
}

/** Within their plane: along the wider direction first, and of the two senses of each always the same one. */
function widestFirst([first, second], spread) {
  const across = times(spread.scatter, second);
  const [a, b, c] = [dot(first, times(spread.scatter, first)), dot(first, across), dot(second, across)];
  const angle = Math.atan2(2 * b, a - c) / 2;
  const turn = (cosine, sine) => first.map((part, index) => cosine * part + sine * second[index]);
  return [turn(Math.cos(angle), Math.sin(angle)), turn(-Math.sin(angle), Math.cos(angle))].map(positive);
}

function positive(axis) {
  const largest = axis.reduce((best, part) => (Math.abs(part) > Math.abs(best) ? part : best), 0);
  return largest < 0 ? axis.map((part) => -part) : axis;
}

/** Some direction that no data has a reason to avoid. */
function seed(size, number) {
  return Float64Array.from({ length: size }, (_, index) => Math.cos(number * (index + 1) + number));
}

/** @returns {Axes | null} null where nothing varies; where only one direction does, any other is the second */
function orthonormal(first, second) {
  const length = Math.hypot(...first);
  if (!(length > 0)) return null;
  const one = first.map((part) => part / length);
  const rest = without(second, one);
  if (Math.hypot(...rest) > FLAT * length) return [one, unit(rest)];
  return [one, unit(without(seed(one.length, 3), one))];
}

function without(vector, direction) {
  const along = dot(vector, direction);
  return vector.map((part, index) => part - along * direction[index]);
}

function unit(vector) {
  const length = Math.hypot(...vector);
  return vector.map((part) => part / length);
}

/** 2 where both span the same plane. */
function planeOverlap(axes, others) {
  return axes.reduce((sum, axis) => sum + others.reduce((part, other) => part + dot(axis, other) ** 2, 0), 0);
}

function times(matrix, vector) {
  const size = vector.length;
  return vector.map((_, row) => {
    let sum = 0;
    for (let column = 0; column < size; column += 1) sum += matrix[row * size + column] * vector[column];
    return sum;
  });
}

export function dot(one, other) {
  let sum = 0;
  for (let index = 0; index < one.length; index += 1) sum += one[index] * other[index];
  return sum;
}
