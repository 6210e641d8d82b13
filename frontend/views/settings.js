/** The settings dialog: microphone, loudspeaker, theme, audio processing, hands-free or push-to-talk. */

import { microphoneChoices } from "../audio/microphone-choices.js";
import { open } from "./dialogs.js";
import { byId, make } from "./elements.js";

/** @import { KeptMicrophone } from "../audio/microphone-choices.js" */
/** @import { Listed } from "../audio/speaker-choice.js" */
/** @import { Transport } from "../call/transport.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { Preferences } from "../storage/local-store.js" */

/** The preference that each switch sets, by element id. */
const PREFERENCE_BY_SWITCH = /** @type {const} */ ({
  echo: "echoCancellation",
  noise: "noiseSuppression",
  gain: "autoGainControl",
});

/**
 * @typedef {{
 *   changed: (changes: Partial<Preferences>) => void, themeChosen: (theme: Preferences["theme"]) => void,
 *   speakerChosen: (speaker: KeptMicrophone) => void, transportChosen: (transport: Transport) => void,
 * }} SettingsDelegate `changed` is called with preferences of the voice.
 */

/** What the choices without a name of their own are called. */
const MICROPHONE_NAMES = Object.freeze({
  default: "settings.default_microphone",
  kept: "settings.kept_microphone",
  nth: "settings.nth_microphone",
});
const SPEAKER_NAMES = Object.freeze({
  default: "settings.default_speaker",
  kept: "settings.kept_speaker",
  nth: "settings.nth_speaker",
});

/** A list of devices to choose from, the default one first. */
class DeviceSelect {
  #words;
  #names;
  #select;
  /** @type {readonly Listed[]} */
  #listed = [];
  /** @type {KeptMicrophone} */
  #kept = { deviceId: "", deviceLabel: "" };

  /**
   * @param {Words} words
   * @param {{ default: string, kept: string, nth: string }} names Keys of texts.
   * @param {HTMLSelectElement} select
   * @param {(chosen: KeptMicrophone) => void} chosen
   */
  constructor(words, names, select, chosen) {
    this.#words = words;
    this.#names = names;
    this.#select = select;
    select.addEventListener("change", () => {
      this.#kept = { deviceId: select.value, deviceLabel: this.#labelOf(select.value) };
      chosen(this.#kept);
    });
  }

  /** @param {KeptMicrophone} kept The user's choice. */
  keep({ deviceId, deviceLabel }) {
    this.#kept = { deviceId, deviceLabel };
    this.relabel();
  }

  /** @param {readonly Listed[]} listed Their labels are empty until the user allows a microphone. */
  show(listed) {
    this.#listed = listed;
    this.relabel();
  }

  /** Write the list in the current language. */
  relabel() {
    const options = this.#choices.map(({ deviceId, label }, index) =>
      make("option", { value: deviceId }, label || this.#nameOf(deviceId, index)),
    );
    this.#select.replaceChildren(
      make("option", { value: "" }, this.#words.say(this.#names.default)),
      ...options,
    );
    this.#select.value = this.#kept.deviceId;
    if (this.#select.selectedIndex < 0) this.#select.value = "";
  }

  get #choices() {
    return microphoneChoices(this.#listed, this.#kept);
  }

  /** @param {string} id */
  #labelOf(id) {
    return this.#choices.find(({ deviceId }) => deviceId === id)?.label ?? "";
  }

  /** A name for a device without a label. @param {string} deviceId @param {number} index */
  #nameOf(deviceId, index) {
    return deviceId === this.#kept.deviceId
      ? this.#words.say(this.#names.kept)
      : this.#words.say(this.#names.nth, { n: index + 1 });
  }
}

export class Settings {
  #dialog = byId("settings", HTMLDialogElement);
  #theme = byId("theme-choice", HTMLSelectElement);
  #transportField = byId("transport-field", HTMLDivElement);
  #transport = byId("transport-choice", HTMLSelectElement);
  #microphone;
  #speaker;
  #speakerField = byId("speaker-field", HTMLDivElement);
  #speakerNote = byId("speaker-note", HTMLParagraphElement);
  #talkModes = /** @type {NodeListOf<HTMLInputElement>} */ (
    document.querySelectorAll('input[name="talk-mode"]')
  );

  /** @param {Words} words @param {SettingsDelegate} delegate */
  constructor(words, { changed, speakerChosen, themeChosen, transportChosen }) {
    const device = byId("device", HTMLSelectElement);
    this.#microphone = new DeviceSelect(words, MICROPHONE_NAMES, device, changed);
    const speaker = byId("speaker", HTMLSelectElement);
    this.#speaker = new DeviceSelect(words, SPEAKER_NAMES, speaker, speakerChosen);
    this.#theme.addEventListener("change", () =>
      themeChosen(/** @type {Preferences["theme"]} */ (this.#theme.value)),
    );
    this.#transport.addEventListener("change", () =>
      transportChosen(/** @type {Transport} */ (this.#transport.value)),
    );
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
    this.#microphone.keep(preferences);
    this.#speaker.keep({
      deviceId: preferences.speakerId,
      deviceLabel: preferences.speakerLabel,
    });
    this.#theme.value = preferences.theme;
    this.#transport.value = preferences.transport;
    for (const mode of this.#talkModes) {
      mode.checked = (mode.value === "hands_free") === preferences.isHandsFree;
    }
    for (const [id, preference] of Object.entries(PREFERENCE_BY_SWITCH)) {
      byId(id, HTMLInputElement).checked = preferences[preference];
    }
    open(this.#dialog);
  }

  /** @param {readonly Listed[]} microphones Their labels are empty until the user allows one. */
  showMicrophones(microphones) {
    this.#microphone.show(microphones);
  }

  /** Offer these loudspeakers; not called in a browser that leaves the choice to the system. @param {readonly Listed[]} speakers */
  showSpeakers(speakers) {
    this.#speakerField.hidden = false;
    // Where no names are known, none can be told from another.
    this.#speakerNote.hidden = speakers.some(({ label }) => label !== "");
    this.#speaker.show(speakers);
  }

  /** Offer a choice of transports, if there is one. @param {readonly Transport[]} transports */
  showTransports(transports) {
    this.#transportField.hidden = transports.length < 2;
  }

  /** Write the lists of devices in the current language. */
  relabel() {
    this.#microphone.relabel();
    this.#speaker.relabel();
  }
}
