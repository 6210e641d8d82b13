/** The list of conversations where there is no room for it beside the thread. */

import { isDialogOpen } from "./dialogs.js";
import { byId, write } from "./elements.js";

export class Drawer {
  #drawer = byId("drawer", HTMLElement);
  #screen = byId("talk-screen", HTMLDivElement);
  #opener = byId("drawer-open", HTMLButtonElement);
  #closer = byId("drawer-close", HTMLButtonElement);
  #complaint = byId("drawer-complaint", HTMLParagraphElement);
  #isNarrow = globalThis.matchMedia("(max-width: 55.99rem)");
  #isOpen = false;

  constructor() {
    this.#opener.addEventListener("click", () => this.#set(true));
    this.#closer.addEventListener("click", () => this.close());
    this.#isNarrow.addEventListener("change", () => this.#set(false));
    this.#screen.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#isOpen) return;
      event.stopPropagation();
      this.close();
    });
    this.#drawer.addEventListener("focusout", ({ relatedTarget }) => {
      // A dialog about the list gives the focus back to it.
      if (isDialogOpen() || !(relatedTarget instanceof Node)) return;
      if (!this.#drawer.contains(relatedTarget)) this.close();
    });
    this.#screen.addEventListener("click", (event) => {
      // The shade over the rest of the page belongs to the screen itself.
      if (this.#isOpen && event.target === this.#screen) this.close();
    });
    this.#set(false);
  }

  /** Harmless when closed, or when there is room. */
  close() {
    if (this.#isOpen) this.#set(false);
  }

  /** Says what could not be done, where it was tried. @param {string} sentence Empty to take it back. */
  complain(sentence) {
    write(this.#complaint, sentence);
  }

  /** @param {boolean} isOpen */
  #set(isOpen) {
    const hadFocus = this.#drawer.contains(document.activeElement);
    this.#isOpen = isOpen && this.#isNarrow.matches;
    this.#drawer.inert = this.#isNarrow.matches && !this.#isOpen;
    this.#screen.dataset.drawer = this.#isOpen ? "open" : "closed";
    this.#opener.ariaExpanded = String(this.#isOpen);
    if (this.#isOpen) this.#closer.focus();
    else if (hadFocus && this.#isNarrow.matches) this.#opener.focus();
  }
}
