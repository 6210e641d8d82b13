/**
 * When the person stopped speaking, by their own microphone. Pure.
 *
 * The server says so half a second too late, since it waits for the silence that proves it; where
 * it places the end in the sound counts that silence in (GA) and drifts with every chunk that is
 * dropped on the way. The person feels the pause from their own last sound.
 */

/** -46 dB of full scale: what is fainter is no speech in any room. */
const LEAST_RMS = 0.005;
/** So much above the room, which for a fan varies by 1 dB from chunk to chunk, and for speech by 20. */
const ABOVE_ROOM = 2;
/** The room is the faintest of so many chunks, 4 s: no sentence is without a gap for longer. */
const ROOM_CHUNKS = 100;

/** Fed with how loud each chunk was; answers when the last one that was speech came. */
export class SpeechEnd {
  /** @type {number[]} */
  #levels = [];
  /** @type {number | null} */
  #atMs = null;

  /** @param {number} rms Of full scale. @param {number} atMs When the chunk was complete. */
  hear(rms, atMs) {
    // Muted, or a tail behind push-to-talk: that is not how quiet the room is.
    if (rms === 0) return;
    this.#levels.push(rms);
    if (this.#levels.length > ROOM_CHUNKS) this.#levels.shift();
    if (rms < LEAST_RMS) return;
    const isFirst = this.#levels.length === 1;
    if (isFirst || rms > ABOVE_ROOM * Math.min(...this.#levels)) this.#atMs = atMs;
  }

  /** When speech ended, once; null if none was heard since. */
  take() {
    const atMs = this.#atMs;
    this.#atMs = null;
    return atMs;
  }
}
