/** Finds, creates and fills elements. Text is inserted as text and never parsed as HTML. */

/**
 * The element with this id.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind The element's class.
 * @returns {T}
 * @throws {Error} If there is no such element, or it has another class.
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
}

/**
 * Create an element. An attribute that is false is left out; one that is true gets the value "".
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | boolean>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Set the text of an element only if it differs: writing the same text would drop the user's selection
 * and announce it again in a live region. @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** If the focus is in an element that will be hidden or removed, move it to `target` (the voice mode
 * button), so that keyboard users keep their place.
 * @param {HTMLElement} leaving @param {HTMLElement} [target] */
export function moveFocusOutOf(leaving, target = byId("mode-voice", HTMLButtonElement)) {
  if (leaving.contains(document.activeElement)) target.focus();
}
