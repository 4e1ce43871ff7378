/** What following and sending share: addresses, tokens, waits between attempts, and refusals. */

export const FIRST_WAIT_MS = 500;
export const LONGEST_WAIT_MS = 15_000;
const SUBPROTOCOL = "cmlstream.v1";
/** What may stand in a subprotocol (RFC 9110, 5.6.2), where browsers must put a token. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const MISTYPED = "the token holds a character that no token of a browser may: enter it again";

/** A refusal that trying again would not change; `code` is the server's, such as "unauthorized". */
export class RefusedError extends Error {
  constructor(code, message) {
    super(message || `the server refuses: ${code}`);
    this.name = "RefusedError";
    this.code = code;
  }
}

/** Where `path` of a server is: `url` names the server, a folder behind a proxy, or the endpoint itself. */
export function endpoint(url, path) {
  const address = new URL(url ?? globalThis.location?.origin);
  if (address.username || address.password || address.searchParams.has("token")) {
    throw new TypeError("The address of the server holds a secret: give the token apart from it.");
  }
  address.protocol = { "http:": "ws:", "https:": "wss:" }[address.protocol] ?? address.protocol;
  if (!["ws:", "wss:"].includes(address.protocol)) throw new TypeError("The address must begin with ws:// or wss://.");
  const folder = address.pathname.replace(/\/+$/, "");
  address.pathname = folder.endsWith(path) ? folder : folder + path;
  address.hash = "";
  return address;
}

/**
 * Begin to connect. Browsers cannot set headers, so a token goes with the subprotocols, never into the URL.
 * Throws a RefusedError for what cannot be a token.
 */
export function open(address, token) {
  if (token && !TOKEN.test(token)) throw new RefusedError("unauthorized", MISTYPED);
  return new WebSocket(address, token ? [SUBPROTOCOL, `bearer.${token}`] : SUBPROTOCOL);
}

/** Whether a server that closed with `code` would answer the same request alike. */
export function isFinal(code) {
  return (code >= 4400 && code < 4408) || code === 4415 || code === 1009;
}

/** Waits that double until something succeeds, each shortened by chance: clients of one server come back apart. */
export class Backoff {
  #ceiling_ms = FIRST_WAIT_MS;

  reset() {
    this.#ceiling_ms = FIRST_WAIT_MS;
  }

  next() {
    const wait_ms = this.#ceiling_ms * (0.5 + Math.random() / 2);
    this.#ceiling_ms = Math.min(2 * this.#ceiling_ms, LONGEST_WAIT_MS);
    return wait_ms;
  }
}
