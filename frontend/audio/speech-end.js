/**
 * When the user stopped speaking, measured at their own microphone. Pure.
 *
 * The server's `speech_stopped` comes half a second too late, because it waits for the silence that
 * proves the end. Its `audio_end_ms` includes that silence (GA) and drifts with every chunk that is
 * dropped on the way. The user feels the pause from their own last sound, so that is measured.
 */

/** -46 dB of full scale: a fainter sound is not speech in any room. */
export const MIN_SPEECH_RMS = 0.005;
/** How far speech must exceed the room noise. A fan varies by 1 dB between chunks, speech by 20 dB. */
const SPEECH_TO_NOISE_RATIO = 2;
/** The room noise is the faintest of this many chunks, 4 s: no sentence goes without a gap so long. */
const NOISE_WINDOW_CHUNKS = 100;

/** Takes the level of each microphone chunk and returns the time of the last one with speech. */
export class SpeechEnd {
  /** @type {number[]} RMS levels of the last chunks. */
  #levels = [];
  /** @type {number | null} */
  #lastSpeechMs = null;

  /**
   * Take the level of one chunk.
   *
   * @param {number} rms 0..1, of full scale.
   * @param {number} atMs When the chunk was complete.
   */
  addLevel(rms, atMs) {
    // Muted, or the silence behind a push-to-talk press: this does not measure the room.
    if (rms === 0) return;
    this.#levels.push(rms);
    if (this.#levels.length > NOISE_WINDOW_CHUNKS) this.#levels.shift();
    if (rms < MIN_SPEECH_RMS) return;
    const isFirst = this.#levels.length === 1;
    const noiseRms = Math.min(...this.#levels);
    if (isFirst || rms > SPEECH_TO_NOISE_RATIO * noiseRms) this.#lastSpeechMs = atMs;
  }

  /** Return when speech ended, and forget it; null if there was no speech since the last call. */
  take() {
    const atMs = this.#lastSpeechMs;
    this.#lastSpeechMs = null;
    return atMs;
  }
}
