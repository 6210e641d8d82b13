/** The box to write in, and the choice between typing and talking. */

import { byId, write } from "./elements.js";

/** @import { Words } from "../words/i18n.js" */

/** Characters that the server takes in a message. */
const MOST_CHARACTERS = 32_000;

/**
 * @typedef {{
 *   messageSent: (text: string) => void, textChosen: () => void, voiceChosen: () => void,
 * }} ComposerDelegate
 */

export class Composer {
  #form = byId("composer", HTMLFormElement);
  #message = byId("message", HTMLTextAreaElement);
  #send = byId("send", HTMLButtonElement);
  #text = byId("mode-text", HTMLButtonElement);
  #voice = byId("mode-voice", HTMLButtonElement);
  #tooLong = byId("too-long", HTMLParagraphElement);
  #words;
  #delegate;

  /** @param {Words} words @param {ComposerDelegate} delegate */
  constructor(words, delegate) {
    this.#words = words;
    this.#delegate = delegate;
    this.#text.addEventListener("click", () => delegate.textChosen());
    this.#voice.addEventListener("click", () => delegate.voiceChosen());
    this.#message.addEventListener("input", () => this.#changed());
    this.#message.addEventListener("keydown", (event) => this.#keyPressed(event));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** @param {boolean} isVoice */
  showMode(isVoice) {
    this.#text.ariaPressed = String(!isVoice);
    this.#voice.ariaPressed = String(isVoice);
  }

  focus() {
    this.#message.focus();
  }

  /** What is written and not sent belongs to the conversation in which it was written. */
  clear() {
    this.#message.value = "";
    this.#changed();
  }

  /** What is written and not sent. */
  get text() {
    return this.#message.value.trim();
  }

  /** It could not be sent: the words are there to be sent again, before what was written since.
   * @param {string} text */
  restore(text) {
    this.#message.value = [text, this.text].filter(Boolean).join("\n");
    this.#changed();
  }

  /** The language changed. */
  relabel() {
    const most = this.#words.number(MOST_CHARACTERS);
    write(this.#tooLong, this.#isTooLong ? this.#words.say("composer.too_long", { most }) : "");
  }

  get #isTooLong() {
    return this.text.length > MOST_CHARACTERS;
  }

  /** @param {KeyboardEvent} event */
  #keyPressed(event) {
    // Enter also chooses a word in a Japanese input method; 229 is how Safari says so.
    const isComposing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const { text } = this;
    if (!text || this.#isTooLong) return;
    this.clear();
    this.#delegate.messageSent(text);
  }

  #changed() {
    // Not disabled, which would take the focus away from who has just pressed it.
    this.#send.ariaDisabled = String(this.text === "" || this.#isTooLong);
    this.relabel();
    this.#message.style.removeProperty("height");
    // Asked of the narrow box, as the wide one may have room for all of it in one line again.
    this.#form.dataset.lines = "one";
    if (!this.#isTooSmall()) return;
    this.#form.dataset.lines = "many";
    if (this.#isTooSmall())
      this.#message.style.setProperty("height", `${this.#message.scrollHeight + 2}px`);
  }

  #isTooSmall() {
    return this.#message.scrollHeight > this.#message.clientHeight;
  }
}
