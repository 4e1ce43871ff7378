/** Follow the events of the server this page came from, for ever: reconnect, miss nothing, repeat nothing. */

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 8_000;

/** Call `onEvent` with every event, and `onState` with "live" or "lost" and a text for people as that changes. */
export function follow(onEvent, onState) {
  const read = new Map();
  let delay_ms = FIRST_DELAY_MS;
  let trouble = null;

  function connect() {
    const socket = new WebSocket(address(read));
    socket.onopen = () => {
      trouble = null;
      onState("live", "connected");
    };
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (!advance(read, event)) return;
      delay_ms = FIRST_DELAY_MS;
      onEvent(event);
    };
    socket.onclose = ({ reason }) => {
      // Said once: failing again and again is no news to who listens to a screen reader.
      if (!trouble) {
        trouble = reason || "no connection";
        onState("lost", `${trouble}; trying again every few seconds`);
      }
      // Pages that lost the same server shall not all return in the same instant.
      setTimeout(connect, delay_ms * (0.75 + Math.random() / 2));
      delay_ms = Math.min(2 * delay_ms, LONGEST_DELAY_MS);
    };
  }

  connect();
}

/** The newest session of each stream is named with the last number read: so a new session is replayed whole. */
function address(read) {
  const url = new URL("/v1/events", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  for (const { session, seq } of read.values()) url.searchParams.append("since", `${session}:${seq}`);
  if (read.size === 0) url.searchParams.set("since", "0");
  return url;
}

/** Note how far `event` takes us; false where it was read before. What it says is missing will not come later. */
function advance(read, event) {
  const seq = event.seq ?? event.last_seq;
  const last = read.get(event.stream);
  if (last?.session === event.session && seq <= last.seq) return false;
  read.set(event.stream, { session: event.session, seq });
  return true;
}
