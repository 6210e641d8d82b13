/** The text box and the buttons that choose between typing and talking. */

import { isTooLong } from "../call/message-length.js";
import { spaced } from "../chat/dictation.js";
import { LIMITS } from "../shared-facts.js";
import { byId, write } from "./elements.js";
import { icon } from "./icons.js";
import { sendsMessage } from "./send-key.js";

/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{
 *   messageSent: (text: string) => void, stopChosen: () => void, textChosen: () => void, voiceChosen: () => void,
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
  /** Whether there is an answer to stop. */
  #canStop = false;

  /** @param {Words} words @param {ComposerDelegate} delegate */
  constructor(words, delegate) {
    this.#words = words;
    this.#delegate = delegate;
    this.#text.addEventListener("click", () => delegate.textChosen());
    this.#voice.addEventListener("click", () => delegate.voiceChosen());
    this.#message.addEventListener("input", () => this.#changed());
    this.#message.addEventListener("keydown", (event) => this.#keyPressed(event));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    // The second click of a double click is not meant for the stop button, which has just appeared.
    this.#send.addEventListener("click", ({ detail }) => {
      if (!this.#isStop) this.#submit();
      else if (detail < 2) delegate.stopChosen();
    });
  }

  /** @param {boolean} isVoice */
  showMode(isVoice) {
    this.#text.ariaPressed = String(!isVoice);
    this.#voice.ariaPressed = String(isVoice);
  }

  /** While there is an answer to stop and nothing to send, the send button stops it.
   * @param {boolean} canStop */
  showStop(canStop) {
    this.#canStop = canStop;
    this.#showButton();
  }

  focus() {
    this.#message.focus();
  }

  /** Empty the text box: an unsent draft belongs to the conversation in which it was written. */
  clear() {
    this.#message.value = "";
    this.#changed();
  }

  /** The unsent draft, trimmed. */
  get text() {
    return this.#message.value.trim();
  }

  /** Put a text that could not be sent back into the box, before anything written since.
   * @param {string} text */
  restore(text) {
    this.#message.value = [text, this.text].filter(Boolean).join("\n");
    this.#changed();
  }

  /** Insert a dictated text where the cursor is. @param {string} text */
  insert(text) {
    const { selectionEnd, selectionStart, value } = this.#message;
    const inserted = spaced(value.slice(0, selectionStart), text, value.slice(selectionEnd));
    this.#message.setRangeText(inserted, selectionStart, selectionEnd, "end");
    this.#changed();
  }

  /** Write the texts in the current language, and the name of a touch keyboard's Enter. */
  relabel() {
    this.#message.enterKeyHint = this.#words.hasKeys ? "send" : "enter";
    const most = this.#words.number(LIMITS.messageCharacters);
    write(this.#tooLong, this.#isTooLong ? this.#words.say("composer.too_long", { most }) : "");
  }

  get #isStop() {
    return this.#canStop && this.text === "";
  }

  #showButton() {
    // Not `disabled`: that would take the focus away from the button that was just pressed.
    this.#send.ariaDisabled = String(!this.#isStop && (this.text === "" || this.#isTooLong));
    const label = this.#isStop ? "voice.stop" : "composer.send";
    if (this.#send.dataset.wordsLabel === label) return;
    this.#send.dataset.wordsLabel = label;
    this.#send.ariaLabel = this.#words.say(label);
    this.#send.title = this.#send.ariaLabel;
    this.#send.replaceChildren(icon(this.#isStop ? "stop" : "up"));
  }

  get #isTooLong() {
    return isTooLong(this.text);
  }

  /** @param {KeyboardEvent} event */
  #keyPressed(event) {
    if (!sendsMessage(event, this.#words.hasKeys)) return;
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
    this.#showButton();
    this.relabel();
    this.#message.style.removeProperty("height");
    // Measured in the narrow layout: the wide one may have room for the whole draft in one line.
    this.#form.dataset.lines = "one";
    if (!this.#isOverflowing()) return;
    this.#form.dataset.lines = "many";
    if (this.#isOverflowing())
      this.#message.style.setProperty("height", `${this.#message.scrollHeight + 2}px`);
  }

  #isOverflowing() {
    return this.#message.scrollHeight > this.#message.clientHeight;
  }
}
