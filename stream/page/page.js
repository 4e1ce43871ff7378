/** The page: what each stream said last, shown as text, bars and a moving dot. All text enters as textContent. */

import { follow, RefusedError } from "./client.js";
import { Plane } from "./plane.js";

const LOGGED = 50;
const STREAMS = 64;
const QUIETEST_DB = -60;
const SPOKEN_EVERY_MS = 5_000;

const find = (id) => document.getElementById(id);
const plane = new Plane(find("dot"), find("trail"));
const streams = new Map();
let chosen = null;
let frame = 0;
let spoken_ms = -SPOKEN_EVERY_MS;

/** Strings of others in a line of the page: short, without line breaks, control or direction characters. */
function plain(text) {
  return String(text).slice(0, 300).replace(/[\p{C}\p{Z}]+/gu, " ");
}

const percent = (share) => `${Math.round(100 * share)} %`;
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
const clock = (time) => new Date(time).toLocaleTimeString([], { hourCycle: "h23" });
const likeliest = (emotion) => Object.entries(emotion).reduce((best, next) => (next[1] > best[1] ? next : best));

function describe(event) {
  const [name, probability] = likeliest(event.emotion);
  const values = `activation ${signed(event.activation)}, valence ${signed(event.valence)}`;
  return `${values}, ${plain(name)} ${percent(probability)}`;
}

/** What the log says of an event; null for those that come too often for it. */
function sentence(event) {
  switch (event.type) {
    case "stream.started":
      return `listening to ${plain(event.source)}`;
    case "speech.ended":
      return event.emotion && `${event.speech_s.toFixed(1)} s of speech: ${describe(event)}`;
    case "gap":
      return event.kind === "audio" ? "audio is missing" : `events ${event.first_seq} to ${event.last_seq} are missing`;
    case "stream.ended":
      return `stream ended: ${plain(event.reason)}`;
    case "error":
      return plain(event.message);
    default:
      return null;
  }
}

function onEvent(event) {
  const state = stateOf(event);
  if (event.type === "stream.started") Object.assign(state, { source: event.source, status: null, ended: false });
  if (event.type === "status") Object.assign(state, { status: event, speaking: event.speaking });
  if (event.type === "speech.started") state.speaking = true;
  if (event.type === "speech.ended" || event.type === "stream.ended") state.speaking = false;
  if (event.type === "stream.ended") state.ended = true;
  if (event.emotion) state.estimate = event;
  state.model = event.model;
  log(event);
  frame ||= requestAnimationFrame(render);
}

function stateOf(event) {
  const name = event.stream;
  if (!streams.has(name)) {
    if (streams.size >= STREAMS) forget(streams.keys().next().value);
    streams.set(name, { speaking: false });
    find("streams").add(new Option(plain(name), name));
    find("choice").hidden = streams.size < 2;
    chosen ??= name;
  }
  return streams.get(name);
}

function forget(name) {
  streams.delete(name);
  find("streams").querySelector("option").remove();
  if (chosen === name) chosen = null;
}

function log(event) {
  const text = sentence(event);
  if (!text) return;
  const time = document.createElement("time");
  time.textContent = clock(event.start_time);
  const said = document.createElement("span");
  said.textContent = streams.size > 1 ? `${plain(event.stream)}: ${text}` : text;
  const entry = document.createElement("li");
  entry.classList.toggle("alarm", event.type === "gap" || event.type === "error");
  entry.append(time, said);
  find("log").prepend(entry);
  while (find("log").children.length > LOGGED) find("log").lastChild.remove();
}

function render() {
  frame = 0;
  const state = streams.get(chosen);
  if (!state) return;
  renderInput(state);
  if (state.estimate) renderEstimate(state.estimate, state.speaking);
  find("source").textContent = state.source ? plain(state.source) : "";
  find("model").textContent = `model ${plain(state.model)}`;
}

function renderInput({ status, speaking, ended }) {
  const alarm = status?.muted ? "muted: nothing but zeros arrives" : status?.clipping ? "clipping: too loud" : null;
  find("speaking").textContent = ended ? "stream ended" : (alarm ?? (speaking ? "speech" : "no speech"));
  find("speaking").toggleAttribute("data-alarm", !ended && alarm !== null);
  if (!status) return;
  const level_dbfs = Math.max(QUIETEST_DB, Math.round(status.level_dbfs));
  fill(find("level"), 0, ended ? 0 : 1 - level_dbfs / QUIETEST_DB);
  find("level").setAttribute("aria-valuenow", level_dbfs);
  find("level-text").textContent = `${level_dbfs} dBFS`.replace("-", "−");
}

function renderEstimate(estimate, speaking) {
  plane.show(estimate, speaking);
  const whole = estimate.type === "speech.ended";
  find("when").textContent = `${whole ? "last utterance" : "now"}, ${estimate.speech_s.toFixed(1)} s of speech`;
  for (const axis of ["activation", "valence"]) {
    const value = estimate[axis];
    measure(find(axis), Math.min(0.5, 0.5 + value / 2), Math.abs(value) / 2, signed(value));
  }
  for (const share of ["confidence", "novelty"]) measure(find(share), 0, estimate[share], percent(estimate[share]));
  renderEmotions(estimate.emotion);
  const now_ms = performance.now();
  // A reader of screens hears whole utterances, and not more often than it can say them.
  if (speaking || !whole || now_ms - spoken_ms < SPOKEN_EVERY_MS) return;
  spoken_ms = now_ms;
  find("spoken").textContent = describe(estimate);
  find("plane").setAttribute("aria-label", `Activation against valence: ${describe(estimate)}`);
}

function renderEmotions(emotion) {
  const list = find("emotions");
  const names = Object.keys(emotion);
  if (list.children.length !== names.length) list.replaceChildren(...names.map(() => emotionRow()));
  const [best] = likeliest(emotion);
  names.forEach((name, index) => {
    const row = list.children[index];
    row.classList.toggle("likeliest", name === best);
    row.firstChild.textContent = plain(name);
    measure(row.children[1], 0, emotion[name], percent(emotion[name]));
  });
}

function emotionRow() {
  const row = document.createElement("li");
  const bar = document.createElement("span");
  row.className = "row";
  bar.className = "bar";
  bar.append(document.createElement("i"));
  row.append(document.createElement("span"), bar, document.createElement("output"));
  return row;
}

function measure(bar, from, share, text) {
  fill(bar, from, share);
  bar.nextElementSibling.textContent = text;
}

function fill(bar, from, share) {
  bar.firstChild.style.left = `${100 * from}%`;
  bar.firstChild.style.width = `${100 * Math.max(0, Math.min(1, share))}%`;
}

/** What goes on failing is said once: again and again is no news to who listens to a screen reader. */
function onState({ state, why }) {
  const shown = find("connection");
  if (state === "connecting" || shown.dataset.state === state) return;
  shown.dataset.state = state;
  shown.textContent = state === "connected" ? "connected" : `${plain(why)}; trying again every few seconds`;
}

/** Follow until the server refuses, and then ask for a token: it stays in this tab and never enters a URL. */
async function run() {
  try {
    const token = sessionStorage.getItem("token") ?? undefined;
    for await (const event of follow({ since: 0, token, onState })) onEvent(event);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    onState({ state: "lost", why: error.message });
    find("connection").textContent = plain(error.message);
    find("entry").hidden = false;
  }
}

find("streams").addEventListener("change", ({ target }) => {
  chosen = target.value;
  plane.clear();
  render();
});
find("note").open = localStorage.getItem("note-read") === null;
find("note").addEventListener("toggle", ({ target }) => {
  if (!target.open) localStorage.setItem("note-read", "yes");
});
find("entry").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  sessionStorage.setItem("token", find("token").value.trim());
  find("entry").hidden = true;
  run();
});
run();
