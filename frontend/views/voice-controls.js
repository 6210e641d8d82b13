/** The controls of a voice conversation: mute, stop, push-to-talk button, volume, end. */

import { byId, moveFocusOutOf, write } from "./elements.js";
import { icon } from "./icons.js";

/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{
 *   muteClicked: () => void, holdChanged: (isHeld: boolean) => void, stopClicked: () => void,
 *   volumeMoved: (volume: number) => void, endClicked: () => void,
 * }} VoiceDelegate
 * @typedef {{
 *   isOn: boolean, isMuted: boolean, isHandsFree: boolean, isHeld: boolean, canStop: boolean,
 *   volume: number,
 * }} VoiceModel
 */

/** What a button that turns something off shows, while that is on and off. */
const MUTE = Object.freeze({
  on: { words: "voice.mute", icon: "microphone" },
  off: { words: "voice.unmute", icon: "microphone_off" },
});
const SILENCE = Object.freeze({
  on: { words: "voice.silence", icon: "loud" },
  off: { words: "voice.unsilence", icon: "quiet" },
});

export class VoiceControls {
  #words;
  #controls = byId("voice-controls", HTMLDivElement);
  #mute = byId("mute", HTMLButtonElement);
  #hold = byId("hold", HTMLButtonElement);
  #holdWords = byId("hold-words", HTMLElement);
  #stop = byId("stop", HTMLButtonElement);
  #silence = byId("silence", HTMLButtonElement);
  #volume = byId("volume", HTMLInputElement);
  /** The volume to return to. */
  #lastVolume = 1;
  /** @type {VoiceModel | null} */
  #last = null;

  /** @param {Words} words @param {VoiceDelegate} delegate */
  constructor(words, delegate) {
    this.#words = words;
    this.#mute.addEventListener("click", () => delegate.muteClicked());
    this.#stop.addEventListener("click", () => this.#last?.canStop && delegate.stopClicked());
    byId("end-call", HTMLButtonElement).addEventListener("click", () => delegate.endClicked());
    this.#silence.addEventListener("click", () => {
      delegate.volumeMoved(this.#volume.valueAsNumber > 0 ? 0 : this.#lastVolume);
    });
    this.#volume.addEventListener("input", () => delegate.volumeMoved(this.#volume.valueAsNumber));
    this.#listenToHold(delegate);
  }

  /** @param {VoiceModel} model */
  show(model) {
    const { isOn, isMuted, isHandsFree, isHeld, canStop, volume } = model;
    if (!isOn) moveFocusOutOf(this.#controls);
    this.#controls.hidden = !isOn;
    this.#toggle(this.#mute, isMuted, MUTE);
    this.#toggle(this.#silence, volume === 0, SILENCE);
    if (volume > 0) this.#lastVolume = volume;
    this.#hold.hidden = isHandsFree;
    Object.assign(document.documentElement.dataset, { handsFree: isHandsFree, voice: isOn });
    this.#hold.ariaPressed = String(isHeld);
    write(this.#holdWords, this.#words.say(isHeld ? "voice.holding" : "voice.hold"));
    this.#stop.ariaDisabled = String(!canStop);
    if (this.#volume.valueAsNumber !== volume) this.#volume.valueAsNumber = volume;
    this.#last = model;
  }

  /** The language changed: the next `show` writes the texts. The last model may be outdated by now. */
  relabel() {
    this.#mute.title = "";
    this.#silence.title = "";
  }

  /** @param {HTMLButtonElement} button @param {boolean} isOff @param {typeof MUTE} looks */
  #toggle(button, isOff, looks) {
    const look = isOff ? looks.off : looks.on;
    const tip = this.#words.say(look.words);
    if (button.title !== tip) {
      // A screen reader says "Mute, pressed"; "Unmute, pressed" would be two things at once.
      button.ariaLabel = this.#words.say(looks.on.words);
      button.title = tip;
      button.replaceChildren(icon(look.icon));
    }
    button.ariaPressed = String(isOff);
  }

  /** @param {VoiceDelegate} delegate */
  #listenToHold(delegate) {
    const press = () => delegate.holdChanged(true);
    const release = () => delegate.holdChanged(false);
    this.#hold.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#hold.setPointerCapture(event.pointerId);
      press();
    });
    for (const type of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      this.#hold.addEventListener(type, release);
    }
    // On a touch screen a long press would open the context menu.
    this.#hold.addEventListener("contextmenu", (event) => event.preventDefault());
    this.#hold.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      // Otherwise the browser also clicks the button, which would be one more press.
      event.preventDefault();
      if (!event.repeat) press();
    });
    // Screen readers and switch devices cannot hold a button. Their clicks have no pointer (`detail` is
    // 0), so each click toggles between holding and releasing.
    this.#hold.addEventListener("click", ({ detail }) => {
      if (detail === 0) delegate.holdChanged(!this.#last?.isHeld);
    });
    this.#hold.addEventListener("keyup", (event) => {
      if (event.key === "Enter") release();
    });
  }
}
