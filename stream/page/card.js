/** What the model says of itself: its licence, the languages it learned from, and its limits. */

import { make } from "./dom.js";
import { plain } from "./text.js";

const CARD_PATH = "/model.json";
const TOO_MANY = 429;
const BROKEN = 500;
const LIMITS_CHARACTERS = 1_000;
const LANGUAGES = 40;

/**
 * The card of the model that this server runs; null where there is none, or it is of another model; undefined where
 * the server is away or too busy to tell.
 * @param {string} model as events name it
 */
export async function fetchCard(model) {
  try {
    const response = await fetch(CARD_PATH);
    if (response.status === TOO_MANY || response.status >= BROKEN) return undefined;
    const card = response.ok ? await response.json() : null;
    return card && plain(`${card.name} ${card.version}`) === model ? card : null;
  } catch {
    return undefined; // The page says elsewhere that the server is away.
  }
}

/** The card as people read it. @param {object} card @returns {HTMLElement} */
export function cardElement(card) {
  const link = make("a", { href: CARD_PATH, text: "the whole card" });
  return make(
    "details",
    { id: "card" },
    make("summary", { text: `Model card: ${plain(card.licence)}; learned from ${languages(card)}` }),
    make("p", { text: plain(card.description, LIMITS_CHARACTERS) }),
    make("p", { text: plain(card.limits, LIMITS_CHARACTERS) }),
    make("p", {}, `${Number(card.parameters).toLocaleString("en")} parameters; `, link),
  );
}

function languages({ corpora }) {
  const codes = new Set(corpora.slice(0, LANGUAGES).map(({ language }) => language));
  return [...codes].map((code) => languageName(plain(code, 20))).join(", ");
}

function languageName(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code);
  } catch {
    return code; // Not every corpus names its language as browsers do.
  }
}
