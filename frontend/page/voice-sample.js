/** Plays a sample of the voice that is chosen in the settings. */

import { Latest } from "../latest.js";
import { errorText } from "./error-text.js";

/** @import { Api } from "../api.js" */
/** @import { SessionSettingsView } from "../views/session-settings.js" */
/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{
 *   api: Pick<Api, "voiceSample">, words: Words,
 *   view: Pick<SessionSettingsView, "showSample" | "showError">,
 *   createContext: () => AudioContext, volume: () => number, isAllowed: () => boolean,
 * }} VoiceSampleParts `isAllowed`: not during a call, whose microphone would hear it.
 */

/** The name by which the server takes the voice of its settings. */
const DEFAULT_VOICE = "default";

export class VoiceSample {
  #parts;
  /** Of several samples, the latest counts. */
  #sample = new Latest();
  #isPlaying = false;

  /** @param {VoiceSampleParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Play the sample, or stop it. Call it in a tap. @param {string} voice Empty: the server's choice.
   * @param {string} language */
  async toggle(voice, language) {
    const { view, words } = this.#parts;
    const wasPlaying = this.#isPlaying;
    this.stop();
    if (wasPlaying || !this.#parts.isAllowed()) return;
    const signal = this.#sample.next();
    view.showError("");
    this.#show(true);
    /** @type {AudioContext | null} */
    let context = null;
    try {
      context = this.#parts.createContext();
      await this.#play(context, voice || DEFAULT_VOICE, language, signal);
    } catch (error) {
      if (!signal.aborted) {
        view.showError(words.say("settings.sample.failed", { why: errorText(words, error) }));
      }
    } finally {
      void context?.close();
      if (!signal.aborted) this.#show(false);
    }
  }

  /** Harmless when nothing is playing. */
  stop() {
    this.#sample.cancel();
    if (this.#isPlaying) this.#show(false);
  }

  /**
   * @param {AudioContext} context
   * @param {string} voice
   * @param {string} language
   * @param {AbortSignal} signal Aborted when it is stopped.
   */
  async #play(context, voice, language, signal) {
    const file = await this.#parts.api.voiceSample(voice, language);
    const sound = await context.decodeAudioData(file);
    if (signal.aborted) return;
    const source = context.createBufferSource();
    const gain = context.createGain();
    source.buffer = sound;
    gain.gain.value = this.#parts.volume();
    source.connect(gain).connect(context.destination);
    source.start();
    await new Promise((resolve) => {
      source.addEventListener("ended", resolve, { once: true });
      signal.addEventListener("abort", resolve, { once: true });
    });
  }

  /** @param {boolean} isPlaying */
  #show(isPlaying) {
    this.#isPlaying = isPlaying;
    this.#parts.view.showSample(isPlaying);
  }
}
