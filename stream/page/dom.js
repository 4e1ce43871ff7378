/** Making elements. All text enters as textContent, so it stays text. */

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [properties] of the element; `text` is its textContent
 * @param {...(Node | string)} children
 */
export function make(tag, { text, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** Write `text` unless it stands there: the page is laid out anew only for what changed. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
