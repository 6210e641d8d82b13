/** Typed messages that are not in the transcript yet, their answers, and the lines they make. Pure. */

import { SteadyMap } from "../transcript/steady-map.js";

/** @import { ApiError } from "../api.js" */
/** @import { KeptTurn } from "../transcript/past.js" */
/** @import { ShownLine } from "../transcript/shown-lines.js" */
/** @import { TypedMessage } from "./text-client.js" */

/**
 * `queued` until the messages before it are answered, `sending` until the server has taken it,
 * `answering` until its answer is complete, `failed` until the user tries again.
 *
 * @typedef {"queued" | "sending" | "answering" | "failed"} MessageState
 * @typedef {TypedMessage & {
 *   state: MessageState, answer: string, isStopWanted: boolean, error: ApiError | null,
 * }} Message `answer` is what has come of it so far; `error` is why it failed.
 */

/** @param {string} itemId @param {string} text @returns {Message} */
export function queuedMessage(itemId, text) {
  return { itemId, text, state: "queued", answer: "", isStopWanted: false, error: null };
}

/** Whether the server may not have the message. @param {Message} message */
export const isUnsent = ({ state }) => state !== "answering";

/**
 * The lines of a message and, once it has a first word, of its answer.
 *
 * @param {Message} message
 * @param {(error: ApiError) => string} explain The sentence for an error.
 * @returns {ShownLine[]}
 */
export function linesOf({ itemId, text, state, answer, isStopWanted, error }, explain) {
  const isPending = state === "queued" || state === "sending";
  const question = { ...line(itemId, "user", text), isPending };
  if (error) Object.assign(question, { status: "failed", failure: explain(error) });
  if (answer === "") return [question];
  const going = isStopWanted ? "interrupted" : "in_progress";
  const status = state === "failed" ? "failed" : going;
  return [question, { ...line(answerId(itemId), "assistant", answer), status }];
}

/**
 * The transcript together with the messages that are not part of it yet. A message that the server has
 * is shown in its place: one that failed with what came of it, one that is sent again with its new
 * answer.
 *
 * @param {ReadonlyArray<ShownLine>} transcript
 * @param {ReadonlyArray<ShownLine>} own Lines of messages and of their answers.
 * @returns {ShownLine[]}
 */
export function joinedLines(transcript, own) {
  const ownById = new Map(own.map((line) => [line.itemId, line]));
  const ids = idsOf(own);
  const known = new Set();
  let isSentAgain = false;
  /** @type {ShownLine[]} */
  const inPlace = [];
  for (const line of transcript) {
    const { itemId, role } = line;
    if (ids.has(itemId)) known.add(itemId);
    const ownLine = ownById.get(itemId);
    if (role === "user") isSentAgain = ownLine !== undefined && ownLine.status !== "failed";
    // What came of a failed answer is in the transcript under an id of the server's.
    else if (isSentAgain && line.status === "failed") continue;
    inPlace.push(ownLine ?? line);
    const answer = isSentAgain && ownLine ? ownById.get(answerId(itemId)) : undefined;
    if (answer) inPlace.push(answer);
  }
  return [
    ...inPlace,
    ...own.filter(({ itemId }) => !known.has(itemId) && !known.has(messageId(itemId))),
  ];
}

/** As `joinedLines`, again and again for one conversation: only lines that are new are looked up. */
export class JoinedLines {
  /** The ids that the transcript was searched for. */
  #searched = "";
  /** Whether a line has one of them. @type {SteadyMap<ShownLine, boolean>} */
  #areOwn = new SteadyMap();

  /** @param {ReadonlyArray<ShownLine>} transcript @param {ReadonlyArray<ShownLine>} own */
  of(transcript, own) {
    const ids = idsOf(own);
    const searched = [...ids].join();
    if (searched !== this.#searched) this.#areOwn = new SteadyMap();
    this.#searched = searched;
    const areOwn = this.#areOwn.map(transcript, ({ itemId }, _, known) => known ?? ids.has(itemId));
    return areOwn.includes(true) ? joinedLines(transcript, own) : [...transcript, ...own];
  }
}

/** The ids of these lines, and of the messages that they answer. @param {ReadonlyArray<ShownLine>} own */
const idsOf = (own) => new Set(own.flatMap(({ itemId }) => [itemId, messageId(itemId)]));

/** The turn of a message that the server has taken. @param {TypedMessage} message @returns {KeptTurn} */
export function turnOf({ itemId, text }) {
  return {
    item_id: itemId,
    content_index: 0,
    role: "user",
    modality: "text",
    text,
    heard_text: null,
    heard_ms: null,
    status: "completed",
    position: 0,
  };
}

/** The key of an answer that has no id of the server's yet. @param {string} itemId Of its message. */
const answerId = (itemId) => `${itemId}.answer`;

/** The inverse of `answerId`. @param {string} itemId */
const messageId = (itemId) => itemId.replace(/\.answer$/, "");

/** @param {string} itemId @param {string} role @param {string} text @returns {ShownLine} */
function line(itemId, role, text) {
  return {
    itemId,
    contentIndex: 0,
    role,
    modality: "text",
    text,
    shown: text,
    heardText: null,
    heardMs: null,
    status: "completed",
    position: Number.MAX_SAFE_INTEGER,
    isPending: false,
    isHeldBack: false,
  };
}
