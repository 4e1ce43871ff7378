/** Writing on a canvas. */

/** Write so that it can be read above lines. */
export function writeOnPaper(context, text, x, y, palette) {
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = palette.paper;
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

/**
 * Places for labels of `height` as near as can be to where they belong, none upon another, all within the panel.
 * @param {number[]} wanted @returns {number[]} in the order of `wanted`
 */
export function spread(wanted, height, { top, bottom }) {
  const order = wanted.map((_, index) => index).sort((one, other) => wanted[one] - wanted[other]);
  const placed = [];
  let lowest = top + height / 2;
  for (const index of order) {
    placed[index] = Math.max(lowest, wanted[index]);
    lowest = placed[index] + height;
  }
  let highest = bottom - height / 2;
  for (const index of order.reverse()) {
    placed[index] = Math.min(highest, placed[index]);
    highest = placed[index] - height;
  }
  return placed;
}
