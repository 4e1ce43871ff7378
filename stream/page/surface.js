/** A canvas that is as large as its place on the page, sharp on every screen. */

/** Larger ones are drawn at fewer pixels: a wall screen must not cost more than a frame has. */
const LARGEST_PIXELS = 8_000_000;

export class Surface {
  width = 0;
  height = 0;
  ratio = 1;
  #pixelRatio = 1;
  #version = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.measure()).observe(canvas);
    this.measure();
  }

  /** Counts up with each change of size. No observer tells that a window moved to a screen of finer pixels. */
  get version() {
    if (devicePixelRatio !== this.#pixelRatio) this.measure();
    return this.#version;
  }

  /** Take the size from the page. */
  measure() {
    this.#pixelRatio = devicePixelRatio;
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = Math.min(devicePixelRatio, Math.sqrt(LARGEST_PIXELS / Math.max(1, clientWidth * clientHeight)));
    if (clientWidth === this.width && clientHeight === this.height && ratio === this.ratio) return;
    Object.assign(this, { width: clientWidth, height: clientHeight, ratio });
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    this.#version += 1;
  }

  /** Return the context, empty, in CSS pixels; null where there is nothing to draw on. */
  begin() {
    if (!this.width || !this.height) return null;
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    return this.context;
  }
}
