/** The fields of the settings dialog about the open conversation: its voice and its language. */

import { byId, make, write } from "./elements.js";

/** @import { SessionSettingsFields } from "../api.js" */
/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{ voices: readonly string[], voice: string, language: string, hasDefault: boolean }} SessionSettingsModel
 *   `hasDefault`: the server may choose the voice, which `voice` then names by an empty string.
 */

export class SessionSettingsView {
  #words;
  #fields = byId("session-settings", HTMLFieldSetElement);
  #voice = byId("session-voice", HTMLSelectElement);
  #language = byId("session-language", HTMLSelectElement);
  #sample = byId("voice-sample", HTMLButtonElement);
  #sampleWords = byId("voice-sample-words", HTMLElement);
  #error = byId("session-error", HTMLParagraphElement);
  /** What the options of the voice were made from. */
  #drawn = "";

  /**
   * @param {Words} words
   * @param {(changes: SessionSettingsFields) => void} changed
   * @param {(voice: string, language: string) => void} sampleWanted Called in a tap.
   */
  constructor(words, changed, sampleWanted) {
    this.#words = words;
    this.#voice.addEventListener("change", () => changed({ voice: this.#voice.value }));
    this.#language.addEventListener("change", () => changed({ language: this.#language.value }));
    this.#sample.addEventListener("click", () =>
      sampleWanted(this.#voice.value, this.#language.value),
    );
  }

  /** @param {SessionSettingsModel | null} model Null while the conversation's settings are unknown. */
  show(model) {
    this.#fields.hidden = model === null;
    if (!model) return;
    this.#drawVoices(model);
    this.showSample(this.#sample.dataset.playing === "true");
    this.#voice.value = model.voice;
    this.#language.value = model.language;
  }

  /** @param {boolean} isPlaying Or being loaded. */
  showSample(isPlaying) {
    this.#sample.dataset.playing = String(isPlaying);
    write(
      this.#sampleWords,
      this.#words.say(isPlaying ? "settings.sample.stop" : "settings.sample"),
    );
  }

  /** Show why a change failed. @param {string} sentence Empty to remove the message. */
  showError(sentence) {
    write(this.#error, sentence);
  }

  /** Options that are replaced while the list is open would close it. @param {SessionSettingsModel} model */
  #drawVoices({ voices, voice, hasDefault }) {
    const standard = this.#words.say("settings.default_voice");
    const values = hasDefault || voices.includes(voice) ? voices : [voice, ...voices];
    const drawn = JSON.stringify([values, hasDefault && standard]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const options = values.map((value) => make("option", { value }, capitalised(value)));
    if (hasDefault) options.unshift(make("option", { value: "" }, standard));
    this.#voice.replaceChildren(...options);
  }
}

/** The provider's voices are names in small letters. @param {string} name */
const capitalised = (name) => name.charAt(0).toUpperCase() + name.slice(1);
