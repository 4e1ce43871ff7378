/** On the browser's audio thread: gathers what the microphone says into messages of 16-bit samples. */

const BLOCK_SAMPLES = 2_048;
/** The audio thread is called early and late; a longer silence between two calls is audio that nobody heard. */
const HOLE_MS = 500;
/** While nothing comes, what is missing is told so often. */
const TELL_MS = 1_000;

class Gatherer extends AudioWorkletProcessor {
  #block = new Int16Array(BLOCK_SAMPLES);
  #filled = 0;
  #missing = 0;
  #absent = false;
  /** Up to when everything has been gathered or counted; the context's own clock stands still while it sleeps. */
  #until_ms;

  constructor({ processorOptions: { until_ms } }) {
    super();
    this.#until_ms = until_ms;
    this.#absent = until_ms !== null;
  }

  process([[samples]]) {
    const now_ms = Date.now();
    if (samples) this.#hear(samples, now_ms);
    else this.#wait(now_ms);
    return true;
  }

  #hear(samples, now_ms) {
    const hole_ms = this.#until_ms === null ? 0 : now_ms - this.#until_ms - (1_000 * samples.length) / sampleRate;
    if (hole_ms > (this.#absent ? 0 : HOLE_MS)) this.#miss(hole_ms);
    this.#absent = false;
    this.#until_ms = now_ms;
    for (const sample of samples) {
      this.#block[this.#filled++] = Math.max(-32_768, Math.min(32_767, Math.round(32_768 * sample)));
      if (this.#filled === BLOCK_SAMPLES) this.#post();
    }
  }

  #wait(now_ms) {
    this.#absent = true;
    if (this.#until_ms === null || now_ms - this.#until_ms < TELL_MS) return;
    this.#miss(now_ms - this.#until_ms);
    this.#until_ms = now_ms;
    this.#post();
  }

  #miss(hole_ms) {
    if (this.#filled) this.#post();
    this.#missing += Math.round((hole_ms * sampleRate) / 1_000);
  }

  /** `missing` lies before the samples. */
  #post() {
    this.port.postMessage({ samples: this.#block.slice(0, this.#filled), missing: this.#missing });
    this.#filled = this.#missing = 0;
  }
}

registerProcessor("gatherer", Gatherer);
