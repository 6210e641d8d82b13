/** Which turns of a transcript have just become final: each is reported once. Pure. */

import { hasWords } from "./heard.js";
import { partKey } from "./item.js";

/** @import { Line } from "./item.js" */

/** @param {Line} line */
const keyOf = ({ itemId, contentIndex }) => partKey(itemId, contentIndex);

/**
 * Compares the lines of the transcript assembler with what was reported before. Whether a line is
 * final, repeated or out of band is decided by the assembler alone.
 */
export class FinishedTurns {
  /** @type {Set<string>} */
  #reported = new Set();
  /** @type {ReadonlyArray<Line>} The lines of the last `take`. */
  #seen = [];

  /** @param {ReadonlyArray<Line>} lines Turns of earlier calls, which are never reported. */
  skip(lines) {
    for (const line of lines) this.#reported.add(keyOf(line));
  }

  /**
   * @param {ReadonlyArray<Line>} lines All lines of the transcript, in spoken order.
   * @returns {Line[]} Those with words that are final and were not returned before.
   */
  take(lines) {
    const seen = this.#seen;
    this.#seen = lines;
    const finished = lines.filter(
      (line, index) =>
        // The same object was judged before, and a conversation has thousands of them.
        line !== seen[index] &&
        line.status !== "in_progress" &&
        hasWords(line.text) &&
        !this.#reported.has(keyOf(line)),
    );
    this.skip(finished);
    return finished;
  }
}
