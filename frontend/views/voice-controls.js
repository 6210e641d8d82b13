/** The controls of a voice conversation: mute, level meter, push-to-talk button, stop, volume. */

import { byId, moveFocusOutOf, write } from "./elements.js";
import { icon } from "./icons.js";
import { LevelMeter } from "./level-meter.js";

/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{
 *   muteClicked: () => void, holdChanged: (isHeld: boolean) => void, stopClicked: () => void,
 *   volumeMoved: (volume: number) => void,
 * }} VoiceDelegate
 * @typedef {{
 *   isOn: boolean, isMuted: boolean, isHandsFree: boolean, isHeld: boolean, canStop: boolean,
 *   volume: number,
 * }} VoiceModel
 */

export class VoiceControls {
  meter = new LevelMeter();
  #words;
  #controls = byId("voice-controls", HTMLDivElement);
  #mute = byId("mute", HTMLButtonElement);
  #hold = byId("hold", HTMLButtonElement);
  #holdWords = byId("hold-words", HTMLElement);
  #stop = byId("stop", HTMLButtonElement);
  #volume = byId("volume", HTMLInputElement);
  /** @type {VoiceModel | null} */
  #last = null;

  /** @param {Words} words @param {VoiceDelegate} delegate */
  constructor(words, delegate) {
    this.#words = words;
    this.#mute.addEventListener("click", () => delegate.muteClicked());
    this.#stop.addEventListener("click", () => this.#last?.canStop && delegate.stopClicked());
    this.#volume.addEventListener("input", () => delegate.volumeMoved(this.#volume.valueAsNumber));
    this.#listenToHold(delegate);
  }

  /** @param {VoiceModel} model */
  show(model) {
    const { isOn, isMuted, isHandsFree, isHeld, canStop, volume } = model;
    if (!isOn) moveFocusOutOf(this.#controls);
    this.#controls.hidden = !isOn;
    const muteWords = this.#words.say(isMuted ? "voice.unmute" : "voice.mute");
    if (this.#mute.ariaLabel !== muteWords) {
      this.#mute.ariaLabel = muteWords;
      this.#mute.title = muteWords;
      this.#mute.replaceChildren(icon(isMuted ? "microphone_off" : "microphone"));
    }
    this.#mute.ariaPressed = String(isMuted);
    this.#hold.hidden = isHandsFree;
    this.#hold.ariaPressed = String(isHeld);
    write(this.#holdWords, this.#words.say(isHeld ? "voice.holding" : "voice.hold"));
    this.#stop.ariaDisabled = String(!canStop);
    if (this.#volume.valueAsNumber !== volume) this.#volume.valueAsNumber = volume;
    this.#last = model;
  }

  /** The language changed: the next `show` writes the texts. The last model may be outdated by now, since a
   * volume that the user moves is not shown again. */
  relabel() {
    this.#mute.ariaLabel = "";
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
