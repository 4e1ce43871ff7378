/** The shapes of the map's marks, one for each emotion, so that colour is never the only sign. */

/** Corners around the origin, of about the same area, about one unit to each side. */
const SHAPES = {
  anger: [[0, -1.2], [1.15, 0.85], [-1.15, 0.85]],
  happiness: circle(16, 0.95),
  neutral: [[-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8]],
  sadness: [[0, 1.2], [-1.15, -0.85], [1.15, -0.85]],
};
/** For the emotions of other models. */
const OTHER = [[0, -1.15], [1.15, 0], [0, 1.15], [-1.15, 0]];

/** The mark of an emotion as the path of an SVG. @param {string} emotion */
export function pathOf(emotion) {
  return `M${shapeOf(emotion).join("L")}Z`;
}

/** Add the mark of an emotion to the path of a canvas: many are filled at once. @param {string} emotion */
export function trace(context, emotion, { x, y }, size) {
  const [[firstX, firstY], ...others] = shapeOf(emotion);
  context.moveTo(x + size * firstX, y + size * firstY);
  for (const [cornerX, cornerY] of others) context.lineTo(x + size * cornerX, y + size * cornerY);
  context.closePath();
}

function shapeOf(emotion) {
  return Object.hasOwn(SHAPES, emotion) ? SHAPES[emotion] : OTHER;
}

function circle(corners, radius) {
  const turns = Array.from({ length: corners }, (_, corner) => (2 * Math.PI * corner) / corners);
  return turns.map((turn) => [radius * Math.cos(turn), radius * Math.sin(turn)]);
}
