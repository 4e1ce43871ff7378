/** How it is with the microphone, what keeps the page from it, and what to do about it: a sentence each. */

import { lasting, plain } from "./text.js";

const REFUSED =
  "The browser does not let this page use a microphone: " +
  "allow it in the page's settings, beside its address, and start again.";
const NONE = "The browser finds no microphone: plug one in, and start again.";
const TAKEN = "The microphone cannot be opened: another program may keep it to itself; end that one, and start again.";
const ABSENT = "The chosen microphone is not there: plug it in, or choose another.";

const GONE = "The microphone was pulled out: plug it in, and it goes on; what is missing becomes a gap.";
const ASLEEP = "The browser has put the sound of this page to sleep: come back to it, or press a key, and it goes on.";
const MUTED = "Nothing but silence arrives: the microphone may be switched off, or muted.";
const CLIPPED = "It is too loud for the microphone: move away from it, or turn it down.";
const SLOW = "The connection is slow: sound reaches the server late, or not at all.";
/** So much may wait before that is said. */
const SLOW_S = 4;

/**
 * How it goes, and whether that is well.
 * @param {import("./broadcast.js").Broadcast} broadcast
 * @returns {[string, boolean]} the sentence, and whether something is wrong
 */
export function describe({ hearing, why, link, waiting_s, muted, clipped, device, stream, held_s }) {
  if (why && !isAbsent(why)) return [explain(why), true];
  if (hearing === "gone") return [GONE, true];
  if (hearing === "asleep") return [ASLEEP, true];
  if (link.state === "lost") {
    const reason = plain(link.why).replace(/\.$/, "");
    return [`Not connected: ${reason}. It is tried again, and up to ${lasting(held_s)} of sound wait.`, true];
  }
  if (link.state === "connecting") return ["Connecting to the server.", false];
  if (waiting_s > SLOW_S) return [SLOW, true];
  if (muted) return [MUTED, true];
  if (clipped) return [CLIPPED, true];
  return [`“${plain(device)}” is sent as the stream “${stream}”.`, false];
}

/** Why another microphone is not listened to. @param {Error} error @param {string} device that still is */
export function explainMissed(error, device) {
  return `That one ${isAbsent(error) ? "is not there" : "cannot be used"}; still listening to “${plain(device)}”.`;
}

/** What became of a stream. @param {{audio_s: number, speech_s: number}} summary the server's */
export function sumUp({ audio_s, speech_s }) {
  return `Stopped: the server heard ${lasting(audio_s)}, ${lasting(speech_s)} of it speech.`;
}

/** Why the page has no microphone. @param {Error} error what getUserMedia throws */
export function explain(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return REFUSED;
    case "NotFoundError":
      return NONE;
    case "NotReadableError":
    case "AbortError":
      return TAKEN;
    case "OverconstrainedError":
      return ABSENT;
    default:
      return `The microphone cannot be used: ${plain(error.message || error.name)}`;
  }
}

/** Where to go instead, on a page that came over plain http from another computer. @param {Location} location */
export function explainInsecure({ host, port }) {
  const own = `http://127.0.0.1${port ? `:${port}` : ""}/`;
  return (
    "Browsers let only pages use a microphone that come over https or from the same computer: " +
    `open ${own} on the computer that runs the server, or https://${host}/ once it is started with --certificate.`
  );
}

/** Why the server takes no audio. @param {{code?: string, message: string}} refused */
export function explainRefusal({ code, message }) {
  switch (code) {
    case "unauthorized":
      return "The server wants a token that allows sending: enter it above, and start again.";
    case "forbidden":
      return "The token does not allow sending audio: enter another above, and start again.";
    case "stream_busy":
      return "Another page or program sends this stream: choose another name, and start again.";
    case "taken_over":
      return "Another page or program has taken this stream over: choose another name, and start again.";
    default:
      return `The server takes no audio: ${plain(message)}`;
  }
}

/** What became of asking for a new speaker. @param {number} status of the answer @param {string} stream */
export function explainNewSpeaker(status, stream) {
  switch (status) {
    case 204:
      return `“${stream}”: someone else speaks, and the baseline begins anew.`;
    case 401:
    case 403:
      return "Only who may send audio can announce a new speaker: enter a token that allows it.";
    case 404:
      return `“${stream}” is not live on this server.`;
    default:
      return `The server cannot announce a new speaker (it answers ${status}).`;
  }
}

function isAbsent({ name }) {
  return name === "NotFoundError" || name === "OverconstrainedError";
}
