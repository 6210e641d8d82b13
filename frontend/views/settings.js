/** The settings dialog: microphone, audio processing, hands-free or push-to-talk. */

import { microphoneChoices } from "../audio/microphone-choices.js";
import { open } from "./dialogs.js";
import { byId, make } from "./elements.js";

/** @import { KeptMicrophone } from "../audio/microphone-choices.js" */
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
  /** @type {KeptMicrophone} */
  #kept = { deviceId: "", deviceLabel: "" };

  /** @param {Words} words @param {(changes: Partial<Preferences>) => void} changed */
  constructor(words, changed) {
    this.#words = words;
    this.#device.addEventListener("change", () => {
      const { value: deviceId } = this.#device;
      this.#kept = { deviceId, deviceLabel: this.#labelOf(deviceId) };
      changed(this.#kept);
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
    const { deviceId, deviceLabel } = preferences;
    this.#kept = { deviceId, deviceLabel };
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
    this.#microphones = microphones;
    this.relabel();
  }

  /** Write the list of microphones in the current language. */
  relabel() {
    const options = this.#choices.map(({ deviceId, label }, index) =>
      make("option", { value: deviceId }, label || this.#nameOf(deviceId, index)),
    );
    this.#device.replaceChildren(
      make("option", { value: "" }, this.#words.say("settings.default_microphone")),
      ...options,
    );
    this.#device.value = this.#kept.deviceId;
    if (this.#device.selectedIndex < 0) this.#device.value = "";
  }

  get #choices() {
    return microphoneChoices(this.#microphones, this.#kept);
  }

  /** @param {string} id */
  #labelOf(id) {
    return this.#choices.find(({ deviceId }) => deviceId === id)?.label ?? "";
  }

  /** A name for a microphone without a label. @param {string} deviceId @param {number} index */
  #nameOf(deviceId, index) {
    return deviceId === this.#kept.deviceId
      ? this.#words.say("settings.kept_microphone")
      : this.#words.say("settings.nth_microphone", { n: index + 1 });
  }
}
