/**
 * One conversation item and its content parts: their text, their status, the lines they make. Pure.
 *
 * The numbered laws are those of `backend/protocol/transcript/assembler.py`; the Python file of this
 * name has the same classes.
 */

import { DeltaText } from "./delta-text.js";
import { charsIn, hasWords, heardText, TextTiming } from "./heard.js";

/**
 * @typedef {"user" | "assistant"} Role
 * @typedef {"voice" | "text"} Modality
 * @typedef {"in_progress" | "completed" | "interrupted" | "failed"} Status
 */

/**
 * What one speaker said in one content part: a turn, or speech whose text may still come. `heardText`
 * and `heardMs` are null unless playback was cut off. `position` counts from 0.
 *
 * @typedef {{
 *   itemId: string, contentIndex: number, role: string, modality: string, text: string,
 *   heardText: string | null, heardMs: number | null, status: string, position: number,
 *   startedAt?: string, isReported?: boolean,
 * }} Line `startedAt` is the server's time of a line that it has stored (ISO 8601); empty if it has none.
 *   `isReported` marks a line that the server has only from a browser.
 */

/**
 * The key of a content part, its line and its turn.
 *
 * @param {string} itemId
 * @param {number} contentIndex
 */
export const partKey = (itemId, contentIndex) => `${itemId}/${contentIndex}`;

/** One content part of a message. */
export class Part {
  timing = new TextTiming();
  /** @type {number | null} */
  heardMs = null;
  isTranscribed = false;
  isFailed = false;
  #deltas = new DeltaText();
  /** The transcription did not come in time. */
  isGivenUp = false;
  /** The text from deltas. */
  #streamed = "";
  /** The text of a `.done` event or a finished item. */
  #final = "";
  /** @type {Set<string> | null} Ids of the deltas so far; null once the text is complete. */
  #textEventIds = new Set();
  /** @type {Set<string> | null} Ids of the deltas so far; null once the audio is complete. */
  #audioEventIds = new Set();

  /** @param {Modality} modality */
  constructor(modality) {
    /** @readonly */
    this.modality = modality;
  }

  /** The text as far as it is known. */
  get text() {
    return this.#final || this.#streamed;
  }

  /** Append a delta, unless it is a repetition or the text is complete (laws 4, 8).
   * @param {string} delta @param {string} eventId */
  addText(delta, eventId) {
    if (!take(this.#textEventIds, eventId)) return;
    const text = this.#deltas.add(delta);
    this.timing.addText(charsIn(text));
    this.#streamed += text;
  }

  /** Count audio, unless it is a repetition or the audio is complete (law 8).
   * @param {number} ms @param {string} eventId */
  addAudio(ms, eventId) {
    if (take(this.#audioEventIds, eventId)) this.timing.addAudio(ms);
  }

  /** Refuse audio from now on. */
  completeAudio() {
    this.#audioEventIds = null;
  }

  /** Replace the deltas by the complete text; deltas are refused from now on (law 4).
   * @param {string} text */
  completeText(text) {
    this.#textEventIds = null;
    const isShortened = this.heardMs !== null && this.text.startsWith(text);
    if (hasWords(text) && !isShortened) this.#final = text;
  }

  /** Record that only `heardMs` were heard; the smallest value counts (law 5).
   * @param {number} heardMs */
  truncate(heardMs) {
    this.heardMs = Math.min(heardMs, this.heardMs ?? heardMs);
  }
}

/** One item of the conversation. */
export class Item {
  /** @type {Role | null} */
  role = null;
  /** False for items that make no line: function calls, system messages (law 2). */
  isMessage = true;
  isInConversation = false;
  /** Whether the user's speech was committed to the conversation. */
  isCommitted = false;
  responseId = "";
  isCompleted = false;
  isIncomplete = false;
  isDeleted = false;
  /** @type {Map<number, Part>} By content index. */
  parts = new Map();

  /** @param {string} id */
  constructor(id) {
    /** @readonly */
    this.id = id;
  }

  /**
   * Whether this part makes a line (laws 2, 3, 6). A user's speech does also while its text may still
   * come.
   *
   * @param {Part} part
   * @param {boolean} isSpeaking Whether the user is speaking this item now.
   */
  isLine(part, isSpeaking) {
    if (this.role === null || !this.isMessage) return false;
    if (hasWords(part.text)) return true;
    if (this.role !== "user" || part.modality !== "voice" || this.isDeleted) return false;
    return (
      part.isFailed || part.isGivenUp || (!part.isTranscribed && (this.isCommitted || isSpeaking))
    );
  }

  /**
   * The line that the part of this index makes. Its position is set by the assembler.
   *
   * @param {number} contentIndex
   * @param {Part} part
   * @param {Status | undefined} responseEnd The end of its response, if any.
   * @returns {Line}
   */
  line(contentIndex, part, responseEnd) {
    const isSpokenAnswer = this.role !== "user" && part.modality === "voice";
    const heardMs = isSpokenAnswer ? (part.heardMs ?? (this.isDeleted ? 0 : null)) : null;
    return {
      itemId: this.id,
      contentIndex,
      role: this.role ?? "assistant",
      modality: part.modality,
      text: part.text,
      heardText: heardMs === null ? null : heardText(part.text, part.timing, heardMs),
      heardMs,
      status: heardMs === null ? this.#statusOf(part, responseEnd) : "interrupted",
      position: 0,
    };
  }

  /** @param {Part} part @param {Status | undefined} responseEnd @returns {Status} */
  #statusOf(part, responseEnd) {
    const status = this.role === "user" ? userStatus(part) : this.#answerStatus(responseEnd);
    return status === "in_progress" && this.isDeleted ? "interrupted" : status;
  }

  /** @param {Status | undefined} responseEnd @returns {Status} */
  #answerStatus(responseEnd) {
    if (this.isCompleted && !this.isIncomplete) return "completed";
    if (this.isIncomplete && responseEnd !== "failed") return "interrupted";
    return responseEnd ?? "in_progress";
  }
}

/** @param {Part} part @returns {Status} */
function userStatus(part) {
  if (part.modality === "text" || part.isTranscribed) return "completed";
  if (part.isFailed) return "failed";
  return part.isGivenUp ? "interrupted" : "in_progress";
}

/**
 * Record a delta's id. Returns false if it came before or deltas are no longer taken. A delta without
 * an id is always new.
 *
 * @param {Set<string> | null} eventIds
 * @param {string} eventId
 */
function take(eventIds, eventId) {
  if (eventIds === null || eventIds.has(eventId)) return false;
  if (eventId) eventIds.add(eventId);
  return true;
}
