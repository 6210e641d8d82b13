/** The dictation button in the message box, and the bar above it while a clip is recorded. */

import { isDialogOpen } from "./dialogs.js";
import { byId, moveFocusOutOf, write } from "./elements.js";
import { LevelMeter } from "./level-meter.js";

/** @import { DictationModel } from "../chat/dictation.js" */
/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{
 *   pressed: () => void, released: () => void, clicked: () => void, finishChosen: () => void,
 *   cancelChosen: () => void, retryChosen: () => void,
 * }} DictationDelegate `clicked`: with the keyboard, a screen reader or a switch device.
 */

/** The bar's text in each state in which it is shown. @type {Readonly<Record<string, string>>} */
const TEXTS = Object.freeze({
  asking: "dictation.asking",
  recording: "dictation.recording",
  transcribing: "dictation.transcribing",
});

export class DictationView {
  #words;
  #delegate;
  #button = byId("dictate", HTMLButtonElement);
  #bar = byId("dictation", HTMLDivElement);
  #meterPlace = byId("dictation-level", HTMLDivElement);
  #meter = new LevelMeter(this.#meterPlace);
  #text = byId("dictation-text", HTMLElement);
  #time = byId("dictation-time", HTMLElement);
  #finish = byId("dictation-finish", HTMLButtonElement);
  #cancel = byId("dictation-cancel", HTMLButtonElement);
  #problem = byId("dictation-problem", HTMLDivElement);
  #sentence = byId("dictation-sentence", HTMLParagraphElement);
  #retry = byId("dictation-retry", HTMLButtonElement);
  #isBusy = false;

  /** @param {Words} words @param {DictationDelegate} delegate */
  constructor(words, delegate) {
    this.#words = words;
    this.#delegate = delegate;
    this.#finish.addEventListener("click", () => delegate.finishChosen());
    this.#cancel.addEventListener("click", () => delegate.cancelChosen());
    this.#retry.addEventListener("click", () => delegate.retryChosen());
    byId("dictation-dismiss", HTMLButtonElement).addEventListener("click", () =>
      delegate.cancelChosen(),
    );
    this.#listenToButton();
    document.addEventListener("keydown", (event) => this.#keyPressed(event));
  }

  /** @param {number} rms 0..1, of full scale. */
  addLevel(rms) {
    this.#meter.add(rms);
  }

  clearLevel() {
    this.#meter.clear();
  }

  /** @param {DictationModel} model */
  show({ isAvailable, name, elapsedMs, sentence, canRetry }) {
    const isRecording = name === "recording";
    this.#isBusy = isRecording || name === "asking" || name === "transcribing";
    this.#button.hidden = !isAvailable && !this.#isBusy;
    this.#button.ariaPressed = String(isRecording);
    const label = this.#words.say(isRecording ? "dictation.finish" : "dictation.start");
    if (this.#button.ariaLabel !== label) {
      this.#button.ariaLabel = label;
      this.#button.title = label;
    }
    if (!this.#isBusy) moveFocusOutOf(this.#bar, this.#button);
    this.#bar.hidden = !this.#isBusy;
    this.#meterPlace.hidden = !isRecording;
    this.#time.hidden = !isRecording;
    if (!isRecording) moveFocusOutOf(this.#finish, this.#button);
    this.#finish.hidden = !isRecording;
    const text = TEXTS[name];
    if (text) write(this.#text, this.#words.say(text));
    write(this.#time, clock(elapsedMs));
    if (!sentence) moveFocusOutOf(this.#problem, this.#button);
    this.#problem.hidden = !sentence;
    write(this.#sentence, sentence);
    this.#retry.hidden = !canRetry;
  }

  #listenToButton() {
    const { pressed, released, clicked } = this.#delegate;
    this.#button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#button.setPointerCapture(event.pointerId);
      pressed();
    });
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
      this.#button.addEventListener(type, released);
    }
    // Otherwise a long press on a touch screen would open the context menu.
    this.#button.addEventListener("contextmenu", (event) => event.preventDefault());
    // Clicks by keyboard, screen reader or switch device have no pointer: their `detail` is 0.
    this.#button.addEventListener("click", ({ detail }) => {
      if (detail === 0) clicked();
    });
  }

  /** @param {KeyboardEvent} event */
  #keyPressed(event) {
    // While an input method is composing, Escape discards the composition.
    if (event.key !== "Escape" || event.isComposing || isDialogOpen() || !this.#isBusy) return;
    event.preventDefault();
    this.#delegate.cancelChosen();
  }
}

/** The duration as minutes and seconds, `1:05`. @param {number} ms */
function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
