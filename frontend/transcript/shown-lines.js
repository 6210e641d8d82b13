/** The lines of a conversation as they are shown: what was said, and messages on their way. Pure. */

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

/**
 * @param {ReadonlyArray<Line>} lines Of the transcript, in spoken order.
 * @param {ReadonlyArray<TypedMessage>} unconfirmed Typed messages, oldest first.
 * @param {Captions} captions
 * @param {boolean} isClosed Whether nothing is sent until the call is opened again.
 * @param {ReadonlySet<string>} [givenUpItemIds] Messages that the open call has not taken in time.
 * @returns {ShownLine[]} The transcript, then the messages that are not part of it yet.
 */
export function shownLines(lines, unconfirmed, captions, isClosed, givenUpItemIds = new Set()) {
  const ids = new Set(lines.map(({ itemId }) => itemId));
  return [
    ...lines.map((line) => ({
      ...line,
      shown: captions.shown(line),
      isPending: false,
      isHeldBack: false,
    })),
    ...unconfirmed
      .filter(({ itemId }) => !ids.has(itemId))
      .map((message) => pendingLine(message, isClosed || givenUpItemIds.has(message.itemId))),
  ];
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
