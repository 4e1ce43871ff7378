/** Which stream is large: chosen in the header, on the wall or in the address, or else the first that is live. */

import { plain } from "./text.js";

const IN_ADDRESS = "#stream=";
/** The past comes piece by piece: so long may it take until a stream turns out to be over. */
const SETTLED_MS = 30_000;

export class Choice {
  /** @type {import("./state.js").StreamState | null} */
  state = null;
  #label;
  #select;
  #store;
  #onChange;
  #wanted = inAddress();
  #shown_ms = 0;

  /**
   * @param {HTMLLabelElement} label of the <select>
   * @param {import("./store.js").Store} store
   * @param {(state: import("./state.js").StreamState | null) => void} onChange
   */
  constructor(label, store, onChange) {
    this.#label = label;
    this.#select = label.querySelector("select");
    this.#store = store;
    this.#onChange = onChange;
    this.#select.addEventListener("change", () => this.select(this.#select.value));
    addEventListener("hashchange", () => this.#readAddress());
    store.keep(this.#wanted);
  }

  /** Make the stream `name` large, now or as soon as it begins. */
  select(name) {
    this.#wanted = name;
    history.replaceState(null, "", IN_ADDRESS + encodeURIComponent(name));
    this.#store.keep(name, this.state?.name);
    this.update();
  }

  /** Keep up with the streams that there are. */
  update() {
    const { streams } = this.#store;
    this.#list(streams);
    const wanted = streams.get(this.#wanted) ?? this.#unasked(streams);
    if (wanted === this.state) return;
    this.state = wanted;
    this.#shown_ms = performance.now();
    this.#store.keep(this.#wanted, wanted?.name);
    if (wanted) this.#select.value = wanted.name;
    this.#onChange(wanted);
  }

  /** What someone has looked at for a while stays, also when it is over; before, it gives way to what is live. */
  #unasked(streams) {
    const shown = streams.get(this.state?.name);
    const isSettled = performance.now() - this.#shown_ms > SETTLED_MS;
    if (shown && (isSettled || shown.endedAt === null)) return shown;
    for (const state of streams.values()) if (state.endedAt === null) return state;
    return shown ?? streams.values().next().value ?? null;
  }

  /** Somebody entered another address, or went back to it. */
  #readAddress() {
    this.#wanted = inAddress();
    this.#store.keep(this.#wanted, this.state?.name);
    this.update();
  }

  #list(streams) {
    const { options } = this.#select;
    let same = options.length === streams.size;
    let index = 0;
    for (const name of streams.keys()) same &&= options[index++].value === name;
    if (same) return;
    this.#select.replaceChildren(...[...streams.keys()].map((name) => new Option(plain(name), name)));
    if (this.state) this.#select.value = this.state.name;
    this.#label.hidden = streams.size < 2;
  }
}

function inAddress() {
  try {
    return location.hash.startsWith(IN_ADDRESS) ? decodeURIComponent(location.hash.slice(IN_ADDRESS.length)) : null;
  } catch {
    return null; // Somebody mistyped it.
  }
}
