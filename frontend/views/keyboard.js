/** The keys of the whole page: hold Space, M, Esc, ?. Keys that somebody is typing with are left alone. */

import { isDialogOpen } from "./dialogs.js";

/**
 * @typedef {{
 *   talkKeyChanged: (isHeld: boolean) => boolean, muteKeyPressed: () => void,
 *   stopKeyPressed: () => void, helpKeyPressed: () => void,
 * }} KeyboardDelegate `talkKeyChanged` answers whether the key meant something.
 */

const TYPING = "input, textarea, select, [contenteditable]";
const PRESSING = "button, a, summary";
/** Buttons on which Space talks all the same: one has just come from them to do so. */
const TALKING = '#hold, #mode-voice[aria-pressed="true"]';

export class Keyboard {
  #delegate;
  #isHolding = false;
  /** Space on a button presses it, for those who came by keyboard; after a click it means: talk. */
  #cameByKeyboard = false;

  /** @param {KeyboardDelegate} delegate @param {AbortSignal} signal */
  constructor(delegate, signal) {
    this.#delegate = delegate;
    document.addEventListener(
      "pointerdown",
      () => {
        this.#cameByKeyboard = false;
      },
      { signal, capture: true },
    );
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    document.addEventListener("keyup", (event) => this.#released(event), { signal });
    // A key that is released in another window is never heard of.
    globalThis.addEventListener("blur", () => this.#release(), { signal });
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "Tab") this.#cameByKeyboard = true;
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || isDialogOpen())
      return;
    if (event.key === "Escape") return this.#delegate.stopKeyPressed();
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest(TYPING) && !target.matches('input[type="range"]')) return;
    if (event.key === " ") this.#spacePressed(event, target);
    else if (event.repeat) return;
    else if (event.key.toLowerCase() === "m") this.#delegate.muteKeyPressed();
    else if (event.key === "?") this.#delegate.helpKeyPressed();
  }

  /** @param {KeyboardEvent} event @param {Element} target */
  #spacePressed(event, target) {
    const button = this.#cameByKeyboard && target.closest(PRESSING);
    if (button && !button.matches(TALKING)) return;
    if (this.#isHolding) event.preventDefault();
    if (event.repeat || this.#isHolding || !this.#delegate.talkKeyChanged(true)) return;
    this.#isHolding = true;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #released(event) {
    if (event.key !== " " || !this.#isHolding) return;
    // Otherwise the button that has the focus would be clicked.
    event.preventDefault();
    this.#release();
  }

  #release() {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#delegate.talkKeyChanged(false);
  }
}
