/** The settings dialog: microphone, audio processing, hands-free or push-to-talk. */

import { open } from "./dialogs.js";
import { byId, make } from "./elements.js";

/** @import { Words } from "../words/i18n.js" */
/** @import { Preferences } from "../storage/local-store.js" */

/** The preference that each switch sets, by element id. */
const PREFERENCE_BY_SWITCH = /** @type {const} */ ({
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
    for (const [id, preference] of Object.entries(PREFERENCE_BY_SWITCH)) {
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
    for (const [id, preference] of Object.entries(PREFERENCE_BY_SWITCH)) {
      byId(id, HTMLInputElement).checked = preferences[preference];
    }
    this.relabel();
    open(this.#dialog);
  }

  /** @param {MediaDeviceInfo[]} microphones Their labels are empty until the user allows one. */
  showMicrophones(microphones) {
    this.#microphones = microphones.filter(({ deviceId }) => deviceId && deviceId !== "default");
    this.relabel();
  }

  /** Write the list of microphones in the current language. */
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
