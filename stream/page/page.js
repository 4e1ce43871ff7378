/** The page: puts its parts together, follows the server, and draws in one loop. */

import { About } from "./about.js";
import { Choice } from "./choice.js";
import { Connection } from "./connection.js";
import { Course } from "./course.js";
import { Following } from "./following.js";
import { Frames } from "./frames.js";
import { Log } from "./log.js";
import { EmbeddingMap } from "./map.js";
import { Microphone } from "./microphone.js";
import { keepOpenUntilRead } from "./note.js";
import { Now } from "./now.js";
import { Plane } from "./plane.js";
import { ofThisTab } from "./storage.js";
import { Store } from "./store.js";
import { Turns } from "./turns.js";
import { Voice } from "./voice.js";
import { Wall } from "./wall.js";

/** Half a frame at 60 Hz is the most that drawing may take, with the last that was begun. */
const BUDGET_MS = 4;
/** So many events in a frame are of the past, and more of it is coming, until as many frames had fewer. */
const PAST_EVENTS = 64;
const CALM_FRAMES = 10;

const find = (id) => document.getElementById(id);
const store = new Store();
const connection = new Connection(find("connection"), store);
const following = new Following(store, take, onState);
const frames = new Frames(draw);
const choice = new Choice(find("choice"), store, show);
const context = Object.freeze({
  store,
  connection,
  /** What a server with tokens was given; undefined where none was needed. */
  token: () => ofThisTab.get("token") ?? undefined,
  /** Let the user enter another. */
  askForToken: () => {
    find("entry").hidden = false;
  },
  select: (name) => choice.select(name),
});
const components = [
  new Plane(find("plane")),
  new Now(find("now"), find("spoken")),
  new Course(find("course")),
  new Voice(find("voice")),
  new EmbeddingMap(find("map")),
  new Microphone(find("microphone"), context),
  new Wall(find("wall"), context),
  new About(find("about"), context),
  new Log(find("log"), context),
];
const turns = new Turns(BUDGET_MS);
let taken = 0;
let taken_before = 0;
let calm_frames = 0;

function take(event) {
  taken += 1;
  frames.count(() => store.take(event));
}

function show(state) {
  document.querySelector("main").toggleAttribute("data-empty", state === null);
  for (const component of components) component.show(state);
}

function draw(now_ms) {
  choice.update();
  // The past comes as a flood: what of it the large view lacks is known once it has passed.
  calm_frames = choice.state && taken < PAST_EVENTS ? calm_frames + 1 : 0;
  if (calm_frames >= CALM_FRAMES) following.enlarge(choice.state.name);
  taken_before += taken;
  taken = 0;
  turns.take(components, (component) => component.draw(now_ms));
}

/** A token stays in this tab and never enters a URL. */
function onState(told) {
  connection.tell(told);
  if (told.state === "refused") context.askForToken();
}

find("entry").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  ofThisTab.set("token", find("token").value.trim());
  find("entry").hidden = true;
  following.start(context.token());
});

/** For programs that watch the page, such as its tests: the work of the last frames in ms, and how many events came. */
window.cmlstream = Object.freeze({
  get frames() {
    return frames.work_ms;
  },
  get events() {
    return taken_before + taken;
  },
});

keepOpenUntilRead(find("note").querySelector("details"));
following.start(context.token());
frames.start();
