/** The note on what this is and is not: open until it was read once, and never gone. */

import { ofThisBrowser } from "./storage.js";

const READ = "note-read";

/** @param {HTMLDetailsElement} details */
export function keepOpenUntilRead(details) {
  details.open = ofThisBrowser.get(READ) === null;
  details.addEventListener("toggle", () => {
    if (!details.open) ofThisBrowser.set(READ, "yes");
  });
}
