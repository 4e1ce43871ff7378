/** What is on a chart as files: a table of it as CSV, and the picture. */

import { clock, plain } from "./text.js";

const NOTICE = "Estimates of expressed affect, not of feelings.";
const DATE = new Intl.DateTimeFormat([], { dateStyle: "long" });
const ZONE = new Intl.DateTimeFormat([], { timeZoneName: "longOffset" });
/** The browser reads a file that is saved some time after the click. */
const KEPT_MS = 60_000;
const TITLE_CHARACTERS = 64;

/** What stands in each row, left of the shares of the emotions and right of them. */
const LEFT = ["stream", "session", "seq", "type", "start_time", "end_time", "model", "activation", "valence"];
const RIGHT = ["likeliest", "confidence", "novelty", "speech_s", "baseline_s",
  "level_dbfs", "clipping", "muted", "speaking", "delay_ms", "kind"];

/**
 * What there is between two times as a table (RFC 4180) under the names of the wire, in the order in which it ended:
 * rows of the types affect, speech.ended, status and gap, and of `region` for a stretch of speech, also one without an
 * estimate. Times are RFC 3339 in UTC; a region that goes on has no end.
 * @param {import("./timeline.js").Moments} moments @param {{from: number, to: number}} range
 */
export function csv(moments, { from, to }) {
  const { name: stream, model } = moments;
  const rows = [...rowsOf(moments)].filter(({ start, end, at }) => (at ?? end ?? to) >= from && (at ?? start) <= to);
  rows.sort((one, other) => (one.end ?? Infinity) - (other.end ?? Infinity));
  const emotions = [...new Set(rows.flatMap(({ emotion }) => Object.keys(emotion ?? {})))];
  const records = rows.map((row) => {
    const told = { ...row, stream, model, start_time: written(row.start), end_time: written(row.end) };
    const shares = emotions.map((name) => (Object.hasOwn(row.emotion ?? {}, name) ? row.emotion[name] : null));
    return [...LEFT.map((name) => told[name]), ...shares, ...RIGHT.map((name) => told[name])];
  });
  return [[...LEFT, ...emotions, ...RIGHT], ...records].map(record).join("");
}

/** Everything by the names of its columns; what belongs to a moment, as on the chart, has it as `at`. */
function* rowsOf({ points, levels, regions, gaps }) {
  for (const { time, final, speechS: speech_s, baselineS: baseline_s, ...rest } of points) {
    yield { ...rest, type: final ? "speech.ended" : "affect", end: time, at: time, speech_s, baseline_s };
  }
  for (const { time, dbfs: level_dbfs, delayMs: delay_ms, ...rest } of levels) {
    yield { ...rest, type: "status", end: time, at: time, level_dbfs, delay_ms };
  }
  for (const region of regions) yield { ...region, type: "region" };
  for (const gap of gaps) yield { ...gap, type: "gap" };
}

const written = (time) => (Number.isFinite(time) ? new Date(time).toISOString() : null);

const record = (fields) => `${fields.map(field).join(",")}\r\n`;

/**
 * A field of a record. Text that a spreadsheet would take for a formula is put behind an apostrophe, which it takes
 * for "this is text"; numbers stay numbers.
 * @param {string|number|null|undefined} value
 */
export function field(value) {
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  const text = String(value ?? "");
  const safe = /^\s*[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * A picture of a chart on paper, under its title and above what it is not.
 * @param {{stream: string, model: string, from: number, to: number, width: number, height: number}} about sizes in
 *   CSS pixels @param {import("./palette.js").Palette} palette
 * @param {(context: CanvasRenderingContext2D) => void} draw
 * @returns {Promise<Blob>}
 */
export function png(about, palette, ratio, draw) {
  const edge = palette.fontPx;
  const title = 3.4 * edge;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round((about.width + 2 * edge) * ratio);
  canvas.height = Math.round((about.height + title + 2.6 * edge) * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = palette.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(edge, title);
  draw(context);
  write(context, about, palette);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is too large to save."))), "image/png");
  });
}

function write(context, { stream, model, from, to, width, height }, palette) {
  const edge = palette.fontPx;
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.fillStyle = palette.ink;
  context.font = `600 ${1.1 * edge}px ${palette.family}`;
  context.fillText(plain(stream, TITLE_CHARACTERS), 0, -1.9 * edge, width);
  context.font = `${0.8 * edge}px ${palette.family}`;
  context.fillStyle = palette.muted;
  context.fillText(span(from, to), 0, -0.7 * edge, width);
  context.fillText(`${NOTICE} Model: ${plain(model, TITLE_CHARACTERS)}`, 0, height + 1.4 * edge, width);
}

/** A stretch of time in local words, such as "1 January 2030, 12:00:00 to 12:05:00 (GMT+01:00)". */
export function span(from, to) {
  const zone = ZONE.formatToParts(from).find(({ type }) => type === "timeZoneName").value;
  return `${DATE.format(from)}, ${clock(from)} to ${clock(to)} (${zone})`;
}

/** Name of a file that every file system takes. */
export function fileName(stream, time, ending) {
  const when = new Date(time).toISOString().slice(0, 19).replaceAll(":", "");
  return `cmlstream_${plain(stream, TITLE_CHARACTERS).replace(/[^A-Za-z0-9._-]/g, "_")}_${when}Z.${ending}`;
}

/** Let the browser save `blob` under `name`. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
