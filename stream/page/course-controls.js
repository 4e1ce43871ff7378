/** What keys, wheel, fingers and buttons do to the course. */

const ZOOM_STEP = 1.5;
const WHEEL_ZOOM = 0.002;
const LINE_PX = 16;
const TAP_PX = 4;

/**
 * @typedef {object} Commands what can be asked of a course
 * @property {(share: number) => void} pan by a share of what is in view, back where negative
 * @property {(factor: number, x: number|null) => void} zoom about `x`, or about the newest in view
 * @property {(count: number) => void} step to another estimate
 * @property {() => void} togglePause
 * @property {() => void} goLive
 * @property {() => void} goOldest
 * @property {(x: number|null) => void} point
 * @property {() => number} width of the panels in CSS pixels
 */

/** The keys while the chart has the focus. @type {Object<string, (commands: Commands) => void>} */
const KEYS = {
  ArrowLeft: (course) => course.step(-1),
  ArrowRight: (course) => course.step(1),
  PageUp: (course) => course.pan(-0.5),
  PageDown: (course) => course.pan(0.5),
  Home: (course) => course.goOldest(),
  End: (course) => course.goLive(),
  "+": (course) => course.zoom(1 / ZOOM_STEP, null),
  "=": (course) => course.zoom(1 / ZOOM_STEP, null),
  "-": (course) => course.zoom(ZOOM_STEP, null),
  " ": (course) => course.togglePause(),
  Escape: (course) => course.point(null),
};

/** @type {{text: string, label: string|null, act: (commands: Commands) => void}[]} */
export const BUTTONS = [
  { text: "Pause", label: null, act: (course) => course.togglePause() },
  { text: "◀", label: "Scroll back", act: (course) => course.pan(-0.5) },
  { text: "▶", label: "Scroll forward", act: (course) => course.pan(0.5) },
  { text: "−", label: "Zoom out", act: (course) => course.zoom(ZOOM_STEP, null) },
  { text: "+", label: "Zoom in", act: (course) => course.zoom(1 / ZOOM_STEP, null) },
  { text: "Jump to live", label: null, act: (course) => course.goLive() },
];

/** Let `canvas` give commands. @param {HTMLCanvasElement} canvas @param {Commands} commands */
export function control(canvas, commands) {
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key](commands);
  });
  canvas.addEventListener("wheel", (event) => turn(event, canvas, commands), { passive: false });
  canvas.addEventListener("blur", () => commands.point(null));
  new Fingers(canvas, commands);
}

/**
 * The wheel scrolls the page until someone works with the chart: it zooms with Ctrl, as two fingers on a pad do, and
 * where the chart has the focus. Sideways it scrolls back and forth; fingers that scroll down never do so straight.
 */
function turn(event, canvas, commands) {
  const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE_PX;
  const { deltaX, deltaY, shiftKey } = event;
  const sideways = Math.abs(deltaX) > Math.abs(deltaY) ? deltaX : shiftKey ? deltaY : 0;
  if (sideways) commands.pan((sideways * unit) / commands.width());
  else if (event.ctrlKey || document.activeElement === canvas) {
    commands.zoom(Math.exp(deltaY * unit * WHEEL_ZOOM), event.offsetX);
  } else return;
  event.preventDefault();
}

/** One finger, or the mouse with its button down, drags; two pinch; one that only points tells the values. */
class Fingers {
  #down = new Map();
  #dragged = 0;

  constructor(canvas, commands) {
    this.canvas = canvas;
    this.commands = commands;
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, (event) => this.#lift(event));
    canvas.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && commands.point(null));
  }

  #press({ pointerId, offsetX }) {
    this.canvas.setPointerCapture(pointerId);
    this.#down.set(pointerId, offsetX);
    this.#dragged = 0;
    this.commands.point(offsetX);
  }

  #move({ pointerId, offsetX }) {
    const before = this.#down.get(pointerId);
    if (before === undefined) this.commands.point(offsetX);
    else if (this.#down.size === 1) this.#drag(offsetX - before);
    else this.#pinch(pointerId, offsetX);
    if (before !== undefined) this.#down.set(pointerId, offsetX);
  }

  /** A hand that only taps trembles. */
  #drag(byPx) {
    this.#dragged += byPx;
    if (Math.abs(this.#dragged) < TAP_PX) return;
    this.commands.point(null);
    this.commands.pan(-byPx / this.commands.width());
  }

  #pinch(pointerId, x) {
    const [other] = [...this.#down].filter(([id]) => id !== pointerId).map(([, place]) => place);
    const before = Math.abs(this.#down.get(pointerId) - other);
    const after = Math.abs(x - other);
    if (before > TAP_PX && after > TAP_PX) this.commands.zoom(before / after, (x + other) / 2);
  }

  #lift({ pointerId }) {
    this.#down.delete(pointerId);
  }
}
