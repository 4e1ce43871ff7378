/** One stream of the wall: its name, its plane, and in words what a glance at the plane would tell. */

import { make, write } from "./dom.js";
import { figureOf } from "./order.js";
import { SmallPlane } from "./plane.js";
import { clock, percent, plain, signed } from "./text.js";

const WORDS_EVERY_MS = 1_000;

export class Tile {
  #canvas = make("canvas", { className: "small-plane" });
  #words = make("span", { className: "words" });
  #plane = null;
  #button;
  #worded_ms = -Infinity;
  #worded = "";

  constructor(name, onClick) {
    this.name = name;
    this.#canvas.setAttribute("aria-hidden", "true");
    const title = make("span", { className: "name", text: plain(name) });
    this.#button = make("button", { type: "button", title: plain(name) }, title, this.#canvas, this.#words);
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
    const silentSince = state.silentSince(now_ms);
    const worded = `${state.version} ${order} ${silentSince}`;
    if (worded === this.#worded || now_ms - this.#worded_ms < WORDS_EVERY_MS) return;
    this.#worded = worded;
    this.#worded_ms = now_ms;
    write(this.#words, [...summary(state, silentSince), figureOf(state, order)].join("\n"));
    this.#button.toggleAttribute("data-alarm", state.endedAt === null && troubleOf(state, silentSince) !== "");
  }
}

function troubleOf({ endedAt, status }, silentSince) {
  if (endedAt !== null) return "ended";
  if (silentSince !== null) return `nothing heard since ${clock(silentSince)}`;
  return status?.muted ? "muted" : status?.clipping ? "clipping" : "";
}

function summary(state, silentSince) {
  const how = troubleOf(state, silentSince) || (state.speaking ? "speech" : "no speech");
  if (!state.latest) return [how];
  const { likeliest, emotion, activation, valence } = state.latest;
  return [how, `${likeliest} ${percent(emotion[likeliest])}`, `act. ${signed(activation)}`, `val. ${signed(valence)}`];
}
