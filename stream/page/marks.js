/** The shapes of the map's marks, one for each emotion, so that colour is never the only sign. */

/** Paths around the origin, of about the same area, about one unit to each side. */
const SHAPES = {
  anger: "M0-1.2 1.15.85H-1.15Z",
  happiness: "M-.9 0A.9.9 0 1 1 .9 0 .9.9 0 1 1-.9 0Z",
  neutral: "M-.8-.8H.8V.8H-.8Z",
  sadness: "M0 1.2-1.15-.85H1.15Z",
};
/** For the emotions of other models. */
const OTHER = "M0-1.15 1.15 0 0 1.15-1.15 0Z";

/** The path of an emotion's mark, as SVG and a canvas read it. @param {string} emotion */
export function shapeOf(emotion) {
  return Object.hasOwn(SHAPES, emotion) ? SHAPES[emotion] : OTHER;
}

const paths = new Map();

/** @param {string} emotion @returns {Path2D} */
export function pathOf(emotion) {
  const shape = shapeOf(emotion);
  if (!paths.has(shape)) paths.set(shape, new Path2D(shape));
  return paths.get(shape);
}
