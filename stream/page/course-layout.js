/** Where the parts of the course lie on its canvas, in CSS pixels. */

const NARROW_PX = 520;
const SHARES = { lines: 0.46, emotions: 0.34, level: 0.2 };

/**
 * @typedef {{top: number, bottom: number, title: number}} Panel its title is written at `title`
 * @typedef {object} Layout
 * @property {number} left @property {number} right where all panels begin and end
 * @property {number} width @property {number} height of the whole canvas
 * @property {Panel} speech @property {Panel} lines @property {Panel} emotions @property {Panel} level
 * @property {number} ticks where the labels of the axis of time stand
 * @property {boolean} narrow whether there is room for names only, not for values
 */

/** @param {number} fontPx the page's size of letters @returns {Layout} */
export function layoutOf(width, height, fontPx) {
  const narrow = width < NARROW_PX;
  const row = fontPx * 1.15;
  const left = fontPx * 2.9;
  const right = Math.max(left + 1, width - fontPx * (narrow ? 5 : 8.2));
  const speech = { top: row * 0.25, bottom: row * 0.75, title: row * 0.5 };
  const room = Math.max(1, height - row - row * 3 - fontPx * 1.6);
  const panels = {};
  let top = row;
  for (const [name, share] of Object.entries(SHARES)) {
    panels[name] = { title: top + row * 0.55, top: top + row, bottom: top + row + share * room };
    top = panels[name].bottom;
  }
  return { left, right, width, height, speech, ...panels, ticks: top + fontPx * 0.95, narrow };
}

/** @param {Layout} layout @param {{from: number, to: number}} range */
export function xOf({ left, right }, { from, to }, time) {
  return left + ((right - left) * (time - from)) / (to - from);
}

export function timeAt({ left, right }, { from, to }, x) {
  return from + ((to - from) * (x - left)) / (right - left);
}

/** Where a value between `low` and `high` lies in a panel. */
export function yOf({ top, bottom }, value, low, high) {
  return bottom - ((bottom - top) * (Math.min(high, Math.max(low, value)) - low)) / (high - low);
}
