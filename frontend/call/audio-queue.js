/** Microphone chunks that wait to be sent: a bounded queue that drops the oldest. Pure. */

import { CHUNK_MS } from "../audio/pcm.js";
import { AUDIO } from "../shared-facts.js";

/** A first-in, first-out queue of 40 ms chunks. */
export class AudioQueue {
  /** @type {Int16Array[]} */
  #chunks = [];
  #maxChunks;

  /** @param {number} [maxMs] Audio that is kept at most, in milliseconds. */
  constructor(maxMs = AUDIO.earlyMs) {
    this.#maxChunks = Math.floor(maxMs / CHUNK_MS);
  }

  /** @returns {boolean} Whether the oldest chunk was dropped to make room.
   * @param {Int16Array} pcm */
  push(pcm) {
    this.#chunks.push(pcm);
    if (this.#chunks.length <= this.#maxChunks) return false;
    this.#chunks.shift();
    return true;
  }

  /** Remove and return the oldest chunk; undefined when the queue is empty. */
  shift() {
    return this.#chunks.shift();
  }

  clear() {
    this.#chunks.length = 0;
  }
}
