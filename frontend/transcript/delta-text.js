/**
 * Joins the deltas of a text to whole characters. The counterpart of
 * `backend/protocol/delta_text.py`. Pure.
 *
 * JSON can divide a character outside of the BMP, such as an emoji, between two deltas: `"\ud83d"` ends
 * one and `"\ude00"` begins the next.
 */

import { cleanText } from "./reading.js";

/** Joins the deltas of one text. A half without its other half is dropped, also at its end. */
export class DeltaText {
  /** The half that ended the last delta. */
  #half = "";

  /**
   * The whole characters that this delta completes, as the server stores them.
   *
   * @param {string} delta
   * @returns {string}
   */
  add(delta) {
    const text = this.#half + delta;
    this.#half = /[\ud800-\udbff]$/.exec(text)?.[0] ?? "";
    return cleanText(text.slice(0, text.length - this.#half.length));
  }
}
