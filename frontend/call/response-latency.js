/** Measures how long the user waits for an answer: from the end of their speech to its first sound. */

import { SpeechEnd } from "../audio/speech-end.js";

/** Fed with the microphone's levels; times are milliseconds of one clock. */
export class ResponseLatency {
  #speechEnd = new SpeechEnd();
  /** @type {number | null} Null when no speech waits for its answer. */
  #endedAtMs = null;

  /** @param {number} rms Level of a chunk, of full scale. @param {number} nowMs */
  addLevel(rms, nowMs) {
    this.#speechEnd.addLevel(rms, nowMs);
  }

  /** The server detected the end of speech, half a second after the microphone went quiet. */
  speechStopped() {
    this.#endedAtMs = this.#speechEnd.take();
  }

  /** Stop measuring: the user speaks again, or typed. */
  cancel() {
    this.#endedAtMs = null;
  }

  /** Forget the microphone's levels: it was turned off. */
  reset() {
    this.#speechEnd.take();
  }

  /**
   * The first sound of an answer is heard. Ends the measurement.
   *
   * @param {number} heardAtMs
   * @returns {number | null} The latency, or null when the answer is not one to speech.
   */
  soundStarted(heardAtMs) {
    const endedAtMs = this.#endedAtMs;
    this.#endedAtMs = null;
    return endedAtMs === null ? null : heardAtMs - endedAtMs;
  }
}
