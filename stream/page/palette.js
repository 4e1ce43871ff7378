/** The colours and letters of the page, for what is drawn on a canvas. */

const NAMES = ["accent", "ink", "muted", "grid", "paper", "alarm"];
const EMOTIONS = ["anger", "happiness", "neutral", "sadness"];

/**
 * @typedef {object} Palette
 * @property {string} accent
 * @property {string} ink
 * @property {string} muted
 * @property {string} grid
 * @property {string} paper
 * @property {string} alarm
 * @property {Map<string, string>} emotions colour by name; those of other models are muted
 * @property {string} family the page's letters
 * @property {number} fontPx their size
 */

/** Read the palette that holds at `element`. @returns {Palette} */
export function readPalette(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ...Object.fromEntries(NAMES.map((name) => [name, colour(name)])),
    emotions: new Map(EMOTIONS.map((name) => [name, colour(name)])),
    family: style.fontFamily,
    fontPx: Number.parseFloat(style.fontSize),
  };
}

/** Font of `share` of the page's size, as a canvas wants it. */
export function font(palette, share = 0.75, weight = "") {
  return `${weight} ${Math.round(palette.fontPx * share * 10) / 10}px ${palette.family}`.trim();
}

/** Counts up when the page's theme or its letters change; watched once for all canvases, which come and go. */
let themes = 0;
const themed = () => {
  themes += 1;
};
for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", "(forced-colors: active)"]) {
  matchMedia(query).addEventListener("change", themed);
}
new MutationObserver(themed).observe(document.documentElement, { attributes: true });

/** The letters grow with wide windows, and as the user likes; nothing tells of them but what they make larger. */
let letters = "";
new ResizeObserver(() => {
  const before = letters;
  letters = getComputedStyle(document.documentElement).fontSize;
  if (letters !== before) themed();
}).observe(document.documentElement);

/** The palette that holds at an element, read anew only when the theme or the size of the letters changes. */
export class Colours {
  #element;
  #palette = null;
  #read = -1;

  /** @param {Element} element */
  constructor(element) {
    this.#element = element;
  }

  /** Changes with every change of the palette. */
  get version() {
    return themes;
  }

  /** @returns {Palette} */
  get palette() {
    if (this.#read !== themes) this.#palette = readPalette(this.#element);
    this.#read = themes;
    return this.#palette;
  }
}
