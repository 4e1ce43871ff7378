/** The note on what this is and is not: open until it was read once, and never gone. */

const READ = "note-read";

/** @param {HTMLDetailsElement} details */
export function keepOpenUntilRead(details) {
  details.open = localStorage.getItem(READ) === null;
  details.addEventListener("toggle", () => {
    if (!details.open) localStorage.setItem(READ, "yes");
  });
}
