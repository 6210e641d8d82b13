/** Which turns of a transcript have just become final: each is reported once. Pure. */

import { hasWords } from "./heard.js";
import { partKey } from "./item.js";

/** @import { Line } from "./item.js" */

/** @param {Line} line */
const keyOf = ({ itemId, contentIndex }) => partKey(itemId, contentIndex);

/**
 * What was heard of a finished turn.
 *
 * @typedef {{ heard: string, isCut: boolean }} Heard `isCut`: the answer was stopped, or its sound was,
 *   and `heard` is what was heard of it, else the whole text. Of a stopped answer without a sound it is
 *   what was written.
 */

/** @param {Line} line @returns {Heard} */
export function heardOf({ heardText, status, text }) {
  return { heard: heardText ?? text, isCut: heardText !== null || status === "interrupted" };
}

/**
 * Compares the lines of the transcript assembler with what was reported before. Whether a line is
 * final, repeated or out of band is decided by the assembler alone. A spoken answer is final when its
 * sound is over: until then it may be cut off.
 */
export class FinishedTurns {
  /** @type {Set<string>} */
  #reported = new Set();
  /** @type {ReadonlyArray<Line | undefined>} The lines of the last `take` that need not be read again. */
  #seen = [];
  /** Turns with a whole text whose sound is not over. @type {Set<string>} */
  #sounding = new Set();

  /** @param {ReadonlyArray<Line>} lines Turns of earlier calls, which are never reported. */
  skip(lines) {
    for (const line of lines) {
      const key = keyOf(line);
      if (!this.#sounding.has(key)) this.#reported.add(key);
    }
  }

  /**
   * @param {ReadonlyArray<Line>} lines All lines of the transcript, in spoken order.
   * @param {(line: Line) => boolean} [isSounding] Whether the sound of a line is not over.
   * @returns {Line[]} Those with words that are final and were not returned before.
   */
  take(lines, isSounding = () => false) {
    const seen = this.#seen;
    const finished = lines.filter(
      (line, index) =>
        // The same object was judged before, and a conversation has thousands of them.
        line !== seen[index] &&
        line.status !== "in_progress" &&
        hasWords(line.text) &&
        !this.#reported.has(keyOf(line)),
    );
    const sounding = new Set(finished.filter(isSounding));
    this.#sounding = new Set([...sounding].map(keyOf));
    this.#seen =
      sounding.size > 0 ? lines.map((line) => (sounding.has(line) ? undefined : line)) : lines;
    const final = finished.filter((line) => !sounding.has(line));
    this.skip(final);
    return final;
  }
}
