/** The keyboard shortcuts of the page: Space (held), V, M, Esc, ?. Ignored while a field has the focus,
 * except Esc, and Space in the empty message box: no message begins with one. */

import { isDialogOpen } from "./dialogs.js";

/**
 * @typedef {{
 *   talkKeyChanged: (isHeld: boolean) => boolean, muteKeyPressed: () => void, voiceKeyPressed: () => void,
 *   stopKeyPressed: () => void, helpKeyPressed: () => void,
 * }} KeyboardDelegate `talkKeyChanged` returns whether the key had an effect.
 */

/** Elements that handle typed keys themselves. */
const TYPABLE = "input:not([type=range]), textarea, select, [contenteditable]";
const EMPTY_MESSAGE = "#message:placeholder-shown";
/** Elements that Space or Enter activates. */
const CLICKABLE = "button, a, summary";
/** Buttons on which Space is the talk key even after Tab: clicking them has just started voice mode. */
const TALK_BUTTONS = '#hold, #mode-voice[aria-pressed="true"]';

export class Keyboard {
  #delegate;
  #isHolding = false;
  /** Whether Tab was pressed since the last mouse click. If so, Space clicks the focused button; if not,
   * Space is the talk key. */
  #isTabbing = false;

  /** @param {KeyboardDelegate} delegate @param {AbortSignal} signal */
  constructor(delegate, signal) {
    this.#delegate = delegate;
    document.addEventListener(
      "pointerdown",
      () => {
        this.#isTabbing = false;
      },
      { signal, capture: true },
    );
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    document.addEventListener("keyup", (event) => this.#released(event), { signal });
    // The page receives no `keyup` for a key that is released in another window.
    globalThis.addEventListener("blur", () => this.#release(), { signal });
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "Tab") this.#isTabbing = true;
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || isDialogOpen())
      return;
    if (event.key === "Escape") return this.#delegate.stopKeyPressed();
    const target = event.target instanceof Element ? event.target : document.body;
    const isSpace = event.key === " ";
    if (target.closest(TYPABLE) && !(isSpace && target.matches(EMPTY_MESSAGE))) return;
    if (isSpace) this.#spacePressed(event, target);
    else if (!event.repeat) this.#letterPressed(event);
  }

  /** @param {KeyboardEvent} event */
  #letterPressed(event) {
    const { muteKeyPressed, voiceKeyPressed, helpKeyPressed } = this.#delegate;
    const action = { m: muteKeyPressed, v: voiceKeyPressed, "?": helpKeyPressed }[
      event.key.toLowerCase()
    ];
    if (!action) return;
    // Otherwise the letter is typed into the field that the action focuses, such as the message box.
    event.preventDefault();
    action();
  }

  /** @param {KeyboardEvent} event @param {Element} target */
  #spacePressed(event, target) {
    const button = this.#isTabbing && target.closest(CLICKABLE);
    if (button && !button.matches(TALK_BUTTONS)) return;
    if (this.#isHolding) event.preventDefault();
    if (event.repeat || this.#isHolding || !this.#delegate.talkKeyChanged(true)) return;
    this.#isHolding = true;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #released(event) {
    if (event.key !== " " || !this.#isHolding) return;
    // Otherwise the browser would click the focused button.
    event.preventDefault();
    this.#release();
  }

  #release() {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#delegate.talkKeyChanged(false);
  }
}
