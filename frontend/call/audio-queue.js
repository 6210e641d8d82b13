/** The sound that waits to be sent: the newest seconds of it, oldest first out. Pure. */

/** Sound that is kept before the call is open: 2 s lost people's first words, 6 s kept them all. */
export const KEPT_MS = 6000;
/** Bytes that may wait in the socket, two seconds of sound, before we hold back ourselves. */
export const MAX_UNSENT_BYTES = 96_000;
const CHUNK_MS = 40;

/** A ring of 40 ms chunks. */
export class AudioQueue {
  /** @type {Int16Array[]} */
  #chunks = [];
  #maxChunks;

  /** @param {number} [keptMs] */
  constructor(keptMs = KEPT_MS) {
    this.#maxChunks = Math.floor(keptMs / CHUNK_MS);
  }

  /** Keeps a chunk; true if an older one had to go for it.
   * @param {Int16Array} pcm @returns {boolean} */
  push(pcm) {
    this.#chunks.push(pcm);
    if (this.#chunks.length <= this.#maxChunks) return false;
    this.#chunks.shift();
    return true;
  }

  /** The oldest chunk, out of the ring. */
  shift() {
    return this.#chunks.shift();
  }

  clear() {
    this.#chunks.length = 0;
  }
}
