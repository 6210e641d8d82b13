/** The box above the list of conversations, in which the user types what to search for. */

import { byId } from "./elements.js";

/** @typedef {{ searchChanged: (text: string) => void }} SearchBoxDelegate */

export class SearchBox {
  #input = byId("session-search", HTMLInputElement);

  /** @param {SearchBoxDelegate} delegate */
  constructor(delegate) {
    const changed = () => delegate.searchChanged(this.#input.value);
    // What an input method has not confirmed yet is no search.
    this.#input.addEventListener("input", (event) => {
      if (!(/** @type {InputEvent} */ (event).isComposing)) changed();
    });
    this.#input.addEventListener("compositionend", changed);
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing || this.#input.value === "") return;
      // Not every browser empties a search box by itself; the drawer would close at this key.
      event.preventDefault();
      event.stopPropagation();
      this.clear();
      changed();
    });
  }

  clear() {
    this.#input.value = "";
  }
}
