/** One stream of the wall: its name, its plane, and in words what a glance at the plane would tell. */

import { make, write } from "./dom.js";
import { figureOf } from "./order.js";
import { SmallPlane } from "./plane.js";
import { clock, percent, plain, signed } from "./text.js";

const WORDS_EVERY_MS = 1_000;

export class Tile {
  #canvas = make("canvas", { className: "small-plane" });
  #standing = make("span");
  #figures = make("span");
  #plane = null;
  #button;
  #worded_ms = -Infinity;
  #worded = "";

  constructor(name, onClick) {
    this.name = name;
    this.#canvas.setAttribute("aria-hidden", "true");
    const title = make("span", { className: "name", text: plain(name) });
    const words = make("span", { className: "words" }, this.#standing, "\n", this.#figures);
    this.#button = make("button", { type: "button", title: plain(name) }, title, this.#canvas, words);
    this.#button.addEventListener("click", onClick);
    this.element = make("li", {}, this.#button);
  }

  /** Its canvas is in the page now. */
  begin() {
    this.#plane = new SmallPlane(this.#canvas);
  }

  press(pressed) {
    this.#button.setAttribute("aria-pressed", String(pressed));
  }

  /** @param {import("./state.js").StreamState} state @param {number} now_ms @param {string} order of the wall */
  draw(state, now_ms, order) {
    this.#plane.draw(state, now_ms);
    this.#stand(state, now_ms);
    const worded = `${state.version} ${order}`;
    if (worded === this.#worded || now_ms - this.#worded_ms < WORDS_EVERY_MS) return;
    this.#worded = worded;
    this.#worded_ms = now_ms;
    write(this.#figures, [...summary(state), figureOf(state, order)].join("\n"));
  }

  /** At once, as the dot does; figures wait until they can be read. */
  #stand(state, now_ms) {
    const trouble = troubleOf(state, state.silentSince(now_ms));
    write(this.#standing, trouble || (state.speaking ? "speech" : "no speech"));
    this.#button.toggleAttribute("data-alarm", state.endedAt === null && trouble !== "");
  }
}

function troubleOf({ endedAt, status }, silentSince) {
  if (endedAt !== null) return "ended";
  if (silentSince !== null) return `nothing heard since ${clock(silentSince)}`;
  return status?.muted ? "muted" : status?.clipping ? "clipping" : "";
}

function summary({ latest }) {
  if (!latest) return [];
  const { likeliest, emotion, activation, valence } = latest;
  return [`${likeliest} ${percent(emotion[likeliest])}`, `act. ${signed(activation)}`, `val. ${signed(valence)}`];
}
