/** The sound of the latest spoken answers, kept on this page to be played again. Pure. */

import { SAMPLES_PER_MS } from "./pcm.js";

/** Three minutes of sound are 8.6 MB. */
export const MOST_KEPT_MS = 180_000;

export class PlayedAudio {
  /** @type {Map<string, { blocks: Int16Array[], samples: number }>} By part key, oldest first. */
  #parts = new Map();
  #samples = 0;
  /** The key of a part that is longer than what is kept: its beginning is gone. */
  #tooLongKey = "";

  /**
   * Keep these samples, which come after those of the same part before. The oldest parts are dropped
   * where there is more than `MOST_KEPT_MS`.
   *
   * @param {string} key
   * @param {Int16Array} pcm 24 kHz, mono; not copied.
   */
  add(key, pcm) {
    if (key === this.#tooLongKey) return;
    const part = this.#parts.get(key) ?? { blocks: [], samples: 0 };
    this.#parts.set(key, part);
    part.blocks.push(pcm);
    part.samples += pcm.length;
    this.#samples += pcm.length;
    while (this.#samples > MOST_KEPT_MS * SAMPLES_PER_MS) this.#dropOldest(key);
  }

  /** Of all parts that are kept, oldest first. */
  get keys() {
    return [...this.#parts.keys()];
  }

  /** @param {string} key */
  has(key) {
    return this.#parts.has(key);
  }

  /**
   * The sound of a part, empty if it is not kept.
   *
   * @param {string} key
   * @param {number | null} heardMs Only so much of its beginning; null for all.
   * @returns {Int16Array[]}
   */
  blocks(key, heardMs) {
    let left = heardMs === null ? Number.POSITIVE_INFINITY : Math.round(heardMs * SAMPLES_PER_MS);
    const kept = [];
    for (const block of this.#parts.get(key)?.blocks ?? []) {
      if (left <= 0) break;
      kept.push(block.length > left ? block.subarray(0, left) : block);
      left -= block.length;
    }
    return kept;
  }

  clear() {
    this.#parts.clear();
    this.#samples = 0;
    this.#tooLongKey = "";
  }

  /** @param {string} growingKey The part that more is added to. */
  #dropOldest(growingKey) {
    const [oldest = ["", { samples: 0 }]] = this.#parts;
    const [key, { samples }] = oldest;
    this.#parts.delete(key);
    this.#samples -= samples;
    if (key === growingKey) this.#tooLongKey = key;
  }
}
