/** The message below the list that a conversation was deleted, with a button to undo that. */

import { byId, write } from "./elements.js";

/**
 * @typedef {{
 *   undoChosen: () => void, dismissed: () => void, attended: (isAttended: boolean) => void,
 * }} UndoToastDelegate `attended`: whether the pointer or the keyboard's focus is on the message.
 */

export class UndoToast {
  #delegate;
  #toast = byId("undo", HTMLDivElement);
  #text = byId("undo-text", HTMLParagraphElement);
  #button = byId("undo-button", HTMLButtonElement);
  #hasPointer = false;
  #hasKeyboard = false;

  /** @param {UndoToastDelegate} delegate */
  constructor(delegate) {
    this.#delegate = delegate;
    this.#button.addEventListener("click", () => delegate.undoChosen());
    byId("undo-dismiss", HTMLButtonElement).addEventListener("click", () => delegate.dismissed());
    this.#toast.addEventListener("pointerenter", () => this.#attend({ hasPointer: true }));
    this.#toast.addEventListener("pointerleave", () => this.#attend({ hasPointer: false }));
    this.#toast.addEventListener("focusin", ({ target }) =>
      // After a mouse click the focus says nothing about where the user is.
      this.#attend({ hasKeyboard: /** @type {Element} */ (target).matches(":focus-visible") }),
    );
    this.#toast.addEventListener("focusout", () => this.#attend({ hasKeyboard: false }));
  }

  get hasFocus() {
    return this.#toast.contains(document.activeElement);
  }

  /** @param {string} text */
  show(text) {
    write(this.#text, text);
    this.#toast.hidden = false;
  }

  hide() {
    if (this.hasFocus) byId("new-session", HTMLButtonElement).focus();
    this.#hasPointer = false;
    this.#toast.hidden = true;
  }

  focus() {
    this.#button.focus();
  }

  /** @param {{ hasPointer?: boolean, hasKeyboard?: boolean }} change */
  #attend({ hasPointer = this.#hasPointer, hasKeyboard = this.#hasKeyboard }) {
    this.#hasPointer = hasPointer;
    this.#hasKeyboard = hasKeyboard;
    this.#delegate.attended(hasPointer || hasKeyboard);
  }
}
