/** The dot of a plane glides from one estimate to the next: for the eye only, every number stays as it came. */

/** How long most of a way takes: an estimate comes every 250 ms. */
const GLIDE_MS = 90;
const NEAR = 0.002;
const MOVED = ["valence", "activation", "confidence"];

export class Dot {
  /** Where it is now: {valence, activation, confidence}, or null. */
  shown = null;
  #target = null;
  #movedMs = 0;
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  /** Go to where `point` is; at once where there was none, or the reader wants no motion. */
  aim(point, nowMs) {
    if (point === this.#target) return;
    if (!this.moving) this.#movedMs = nowMs;
    this.#target = point;
    if (!point || !this.shown || this.#still.matches) this.#arrive();
  }

  get moving() {
    return this.#target !== null && MOVED.some((name) => this.shown[name] !== this.#target[name]);
  }

  /** Be nowhere, so that the next estimate is shown at once. */
  vanish() {
    this.aim(null, 0);
  }

  move(nowMs) {
    if (!this.moving) return;
    const share = 1 - Math.exp(-Math.max(0, nowMs - this.#movedMs) / GLIDE_MS);
    this.#movedMs = nowMs;
    const next = (name) => this.shown[name] + share * (this.#target[name] - this.shown[name]);
    const moved = Object.fromEntries(MOVED.map((name) => [name, next(name)]));
    if (MOVED.every((name) => Math.abs(moved[name] - this.#target[name]) < NEAR)) this.#arrive();
    else this.shown = moved;
  }

  #arrive() {
    this.shown = this.#target && Object.fromEntries(MOVED.map((name) => [name, this.#target[name]]));
  }
}
