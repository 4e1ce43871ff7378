/** What is on a chart as files: its estimates as CSV, and the picture. */

import { clock, plain } from "./text.js";

const NOTICE = "Estimates of expressed affect, not of feelings.";
const DATE = new Intl.DateTimeFormat([], { dateStyle: "long" });
const ZONE = new Intl.DateTimeFormat([], { timeZoneName: "longOffset" });
/** The browser reads a file that is saved some time after the click. */
const KEPT_MS = 60_000;
const TITLE_CHARACTERS = 64;

/**
 * The estimates as a table (RFC 4180) under the names of the wire; times are RFC 3339 in UTC.
 * @param {string} stream @param {Iterable<import("./point.js").Point>} points
 */
export function csv(stream, points) {
  const rows = [...points];
  const emotions = [...new Set(rows.flatMap(({ emotion }) => Object.keys(emotion)))];
  const head = ["stream", "session", "seq", "type", "end_time", "activation", "valence", ...emotions];
  head.push("likeliest", "confidence", "novelty", "speech_s", "baseline_s");
  return [head, ...rows.map((point) => row(stream, point, emotions))].map(record).join("");
}

function row(stream, point, emotions) {
  const { session, seq, final, time, activation, valence, emotion } = point;
  const shares = emotions.map((name) => (Object.hasOwn(emotion, name) ? emotion[name] : null));
  const type = final ? "speech.ended" : "affect";
  const where = [stream, session, seq, type, new Date(time).toISOString(), activation, valence];
  return [...where, ...shares, point.likeliest, point.confidence, point.novelty, point.speechS, point.baselineS];
}

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
