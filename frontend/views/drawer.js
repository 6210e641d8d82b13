/** The drawer that holds the list of conversations on screens too narrow to show it beside the thread. */

import { isDialogOpen } from "./dialogs.js";
import { byId, write } from "./elements.js";

export class Drawer {
  #drawer = byId("drawer", HTMLElement);
  #screen = byId("talk-screen", HTMLDivElement);
  #opener = byId("drawer-open", HTMLButtonElement);
  #closer = byId("drawer-close", HTMLButtonElement);
  #error = byId("drawer-complaint", HTMLParagraphElement);
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
      // A dialog opened from the list returns the focus to it.
      if (isDialogOpen() || !(relatedTarget instanceof Node)) return;
      if (!this.#drawer.contains(relatedTarget)) this.close();
    });
    this.#screen.addEventListener("click", (event) => {
      // The backdrop over the rest of the page is a pseudo-element of the screen.
      if (this.#isOpen && event.target === this.#screen) this.close();
    });
    this.#set(false);
  }

  /** Close the drawer. Harmless when it is closed, or on a wide screen. */
  close() {
    if (this.#isOpen) this.#set(false);
  }

  /** Show why an action on the list failed. @param {string} sentence Empty to remove the message. */
  showError(sentence) {
    write(this.#error, sentence);
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
