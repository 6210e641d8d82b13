/** The settings of the microphone and of the way of talking. */

import { open } from "./dialogs.js";
import { byId, make } from "./elements.js";

/** @import { Words } from "../words/i18n.js" */
/** @import { Preferences } from "../storage/local-store.js" */

/** Which switch sets which preference. */
const SWITCHES = /** @type {const} */ ({
  echo: "echoCancellation",
  noise: "noiseSuppression",
  gain: "autoGainControl",
});

export class Settings {
  #words;
  #dialog = byId("settings", HTMLDialogElement);
  #device = byId("device", HTMLSelectElement);
  #talkModes = /** @type {NodeListOf<HTMLInputElement>} */ (
    document.querySelectorAll('input[name="talk-mode"]')
  );
  /** @type {MediaDeviceInfo[]} */
  #microphones = [];
  #deviceId = "";

  /** @param {Words} words @param {(changes: Partial<Preferences>) => void} changed */
  constructor(words, changed) {
    this.#words = words;
    this.#device.addEventListener("change", () => {
      this.#deviceId = this.#device.value;
      changed({ deviceId: this.#deviceId });
    });
    for (const mode of this.#talkModes) {
      mode.addEventListener("change", () => changed({ isHandsFree: mode.value === "hands_free" }));
    }
    for (const [id, preference] of Object.entries(SWITCHES)) {
      const input = byId(id, HTMLInputElement);
      input.addEventListener("change", () => changed({ [preference]: input.checked }));
    }
  }

  /** @param {Preferences} preferences */
  open(preferences) {
    this.#deviceId = preferences.deviceId;
    for (const mode of this.#talkModes) {
      mode.checked = (mode.value === "hands_free") === preferences.isHandsFree;
    }
    for (const [id, preference] of Object.entries(SWITCHES)) {
      byId(id, HTMLInputElement).checked = preferences[preference];
    }
    this.relabel();
    open(this.#dialog);
  }

  /** @param {MediaDeviceInfo[]} microphones Nameless until one was allowed. */
  showMicrophones(microphones) {
    this.#microphones = microphones.filter(({ deviceId }) => deviceId && deviceId !== "default");
    this.relabel();
  }

  /** The language or the choice changed. */
  relabel() {
    const options = this.#microphones.map(({ deviceId, label }, index) =>
      make(
        "option",
        { value: deviceId },
        label || this.#words.say("settings.nth_microphone", { n: index + 1 }),
      ),
    );
    this.#device.replaceChildren(
      make("option", { value: "" }, this.#words.say("settings.default_microphone")),
      ...options,
    );
    this.#device.value = this.#deviceId;
    if (this.#device.selectedIndex < 0) this.#device.value = "";
  }
}
