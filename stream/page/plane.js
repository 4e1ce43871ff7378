/** The affect plane: activation against valence, a dot with a trail. Style sheets colour, ease and fade it. */

const TRAIL_SEGMENTS = 60;
/** Six seconds: more than the longest hop between two estimates. */
const JOINED_SAMPLES = 96_000;
const HALO = { narrowest: 0.05, widest: 0.2 };

export class Plane {
  #last = null;

  constructor(dot, trail) {
    this.dot = dot;
    this.trail = trail;
  }

  /** Forget what was shown, as for another stream. */
  clear() {
    this.#last = null;
    this.dot.classList.add("absent");
    this.trail.replaceChildren();
  }

  /** Move the dot to `estimate`: the wider its halo the less confident, hollow while nobody speaks. */
  show(estimate, speaking) {
    const { valence, activation, confidence } = estimate;
    this.dot.classList.remove("absent");
    this.dot.classList.toggle("hollow", !speaking);
    this.dot.style.transform = `translate(${valence}px, ${-activation}px)`;
    this.dot.firstElementChild.style.r = `${HALO.narrowest + (HALO.widest - HALO.narrowest) * (1 - confidence)}px`;
    if (estimate === this.#last) return;
    if (this.#last && Math.abs(estimate.end_sample - this.#last.end_sample) <= JOINED_SAMPLES) this.#extend(estimate);
    this.#last = estimate;
  }

  /** The trail breaks where estimates do not follow each other: after a pause, or in a past seen all at once. */
  #extend({ valence, activation }) {
    const segment = document.createElementNS(this.trail.namespaceURI, "line");
    const ends = { x1: this.#last.valence, y1: -this.#last.activation, x2: valence, y2: -activation };
    for (const [name, value] of Object.entries(ends)) segment.setAttribute(name, value);
    segment.addEventListener("animationend", () => segment.remove());
    this.trail.append(segment);
    if (this.trail.children.length > TRAIL_SEGMENTS) this.trail.firstElementChild.remove();
  }
}
