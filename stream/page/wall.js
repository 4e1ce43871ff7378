/** Several streams at once: a small plane of each, sorted by any figure; a click makes one large. */

import { make, write } from "./dom.js";
import { ORDERS, sorted } from "./order.js";
import { STREAMS } from "./store.js";
import { Tile } from "./tile.js";
import { Turns } from "./turns.js";

const SORTED_EVERY_MS = 2_000;
const BUDGET_MS = 2;

export class Wall {
  #root;
  #store;
  #select;
  #list = make("ul", { id: "tiles" });
  #leftOut = make("p", { className: "quiet", id: "left-out", hidden: true });
  #order;
  #reversed = make("input", { type: "checkbox" });
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  #shown = null;
  #sorted_ms = -Infinity;
  #turns = new Turns(BUDGET_MS);

  /** @param {HTMLElement} root @param {{store: import("./store.js").Store, select: (name: string) => void}} context */
  constructor(root, { store, select }) {
    this.#root = root;
    this.#store = store;
    this.#select = select;
    this.#order = make("select", { id: "order" }, ...ORDERS.map((name) => new Option(name)));
    const again = () => {
      this.#sorted_ms = -Infinity;
    };
    for (const control of [this.#order, this.#reversed]) control.addEventListener("change", again);
    const sorting = make("label", {}, "Sorted by ", this.#order);
    const turning = make("label", {}, this.#reversed, " reversed");
    root.append(make("p", { className: "controls" }, sorting, turning), this.#leftOut, this.#list);
  }

  show(state) {
    this.#shown = state?.name ?? null;
    for (const [name, tile] of this.#tiles) tile.press(name === this.#shown);
  }

  draw(now_ms) {
    const { streams } = this.#store;
    this.#root.hidden = streams.size < 2;
    if (this.#root.hidden) return;
    this.#match(streams);
    this.#tellLeftOut(this.#store.leftOut(now_ms));
    const order = this.#order.value;
    this.#turns.take([...this.#tiles.values()], (tile) => tile.draw(streams.get(tile.name), now_ms, order));
    if (now_ms - this.#sorted_ms >= SORTED_EVERY_MS) this.#sort(streams, now_ms);
  }

  #tellLeftOut(count) {
    this.#leftOut.hidden = count === 0;
    const streams = count === 1 ? "1 more stream is" : `${count.toLocaleString("en")} more streams are`;
    write(this.#leftOut, `${streams} not shown: this page has room for ${STREAMS}.`);
  }

  #match(streams) {
    for (const [name, tile] of this.#tiles) if (!streams.has(name)) this.#drop(name, tile);
    if (this.#tiles.size === streams.size) return;
    for (const name of streams.keys()) if (!this.#tiles.has(name)) this.#add(name);
    this.#sorted_ms = -Infinity;
  }

  #add(name) {
    const tile = new Tile(name, () => this.#select(name));
    this.#tiles.set(name, tile);
    this.#list.append(tile.element);
    tile.begin();
    tile.press(name === this.#shown);
  }

  #drop(name, tile) {
    tile.element.remove();
    this.#tiles.delete(name);
  }

  /** Nothing moves away under a pointer, nor from under the focus. */
  #sort(streams, now_ms) {
    if (this.#list.matches(":hover, :focus-within") && this.#sorted_ms > 0) return;
    this.#sorted_ms = now_ms;
    sorted(streams.values(), this.#order.value, this.#reversed.checked, now_ms).forEach(({ name }, index) => {
      const { element } = this.#tiles.get(name);
      if (this.#list.children[index] !== element) this.#list.insertBefore(element, this.#list.children[index]);
    });
  }
}
