/** Elements of the page, found and made. Text goes in as text: nothing here reads markup. */

/**
 * The element of an id, of the class that the caller relies on.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
}

/**
 * A new element. Attributes that are false are left out.
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

/** Writes only what is new, so that an unchanged text is never announced or selected away.
 * @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** What has the focus is about to go: whoever came by keyboard goes on at the choice of how to talk.
 * @param {HTMLElement} leaving */
export function keepFocus(leaving) {
  if (leaving.contains(document.activeElement)) byId("mode-voice", HTMLButtonElement).focus();
}
