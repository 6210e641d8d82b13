/** The lines of a conversation as they are shown: what was said, and messages on their way. Pure. */

import { SteadyMap } from "./steady-map.js";

/** @import { TypedMessage } from "../call/turn-taking.js" */
/** @import { Captions } from "./captions.js" */
/** @import { Line } from "./item.js" */

/**
 * @typedef {Line & {
 *   shown: string, isPending: boolean, isHeldBack: boolean, failure?: string,
 *   isFirstRemembered?: boolean,
 * }} ShownLine `shown` is the part of the text that may be read by now; `isPending` marks a typed
 *   message that the server has not confirmed, and `isHeldBack` one that waits until the call is opened
 *   again; `failure` says why a typed message failed, which may be sent again (empty where its answer
 *   says so); `isFirstRemembered` marks the first line that the model is given with the next question.
 */

export class ShownLines {
  #captions;
  /** @type {SteadyMap<Line, ShownLine>} */
  #ofTranscript = new SteadyMap();
  /** The captions' version of last time. */
  #pacedVersion = 0;
  /** The indexes of the lines that may be shown in part. @type {Set<number>} */
  #pacedIndexes = new Set();

  /** @param {Captions} captions */
  constructor(captions) {
    this.#captions = captions;
  }

  /**
   * @param {ReadonlyArray<Line>} lines Of the transcript, in spoken order.
   * @param {ReadonlyArray<TypedMessage>} unconfirmed Typed messages, oldest first.
   * @param {boolean} isClosed Whether nothing is sent until the call is opened again.
   * @param {ReadonlySet<string>} [givenUpItemIds] Messages that the open call has not taken in time.
   * @returns {ShownLine[]} The transcript, then the messages that are not part of it yet. A line that is
   *   shown as it was is the same object as last time.
   */
  of(lines, unconfirmed, isClosed, givenUpItemIds = new Set()) {
    const hasChanged = this.#captions.pacedVersion !== this.#pacedVersion;
    this.#pacedVersion = this.#captions.pacedVersion;
    if (hasChanged) this.#pacedIndexes.clear();
    const shown = this.#ofTranscript.map(lines, (line, index, known) =>
      // Nothing of the thousands of other lines is even read.
      known && !hasChanged && !this.#pacedIndexes.has(index)
        ? known
        : this.#shown(line, index, known),
    );
    if (unconfirmed.length === 0) return shown;
    const ids = new Set(lines.map(({ itemId }) => itemId));
    return [
      ...shown,
      ...unconfirmed
        .filter(({ itemId }) => !ids.has(itemId))
        .map((message) => pendingLine(message, isClosed || givenUpItemIds.has(message.itemId))),
    ];
  }

  /** @param {Line} line @param {number} index @param {ShownLine | undefined} known
   * @returns {ShownLine} */
  #shown(line, index, known) {
    if (this.#captions.isPaced(line.itemId)) this.#pacedIndexes.add(index);
    const shown = this.#captions.shown(line);
    if (known?.shown === shown) return known;
    return { ...line, shown, isPending: false, isHeldBack: false };
  }
}

/** @param {TypedMessage} message @param {boolean} isHeldBack @returns {ShownLine} */
function pendingLine({ itemId, text }, isHeldBack) {
  return {
    itemId,
    contentIndex: 0,
    role: "user",
    modality: "text",
    text,
    shown: text,
    heardText: null,
    heardMs: null,
    status: "in_progress",
    position: Number.MAX_SAFE_INTEGER,
    isPending: true,
    isHeldBack,
  };
}
