/** One conversation item and its content parts: what was said in them, and where that stands. Pure. */

import { AudioMarks, charsIn, hasWords, heardText } from "./heard.js";

/**
 * @typedef {"user" | "assistant"} Speaker
 * @typedef {"voice" | "text"} Modality
 * @typedef {"in_progress" | "completed" | "interrupted" | "failed"} Status
 * @typedef {{
 *   itemId: string, contentIndex: number, role: string, modality: string, text: string,
 *   heardText: string | null, heardMs: number | null, status: string, position: number,
 * }} Line What one speaker said; `heardText` and `heardMs` only where the voice was cut off.
 */

/** One content part of a message: the text that streamed, and the whole text once it is told. */
export class Part {
  marks = new AudioMarks();
  /** @type {number | null} */
  heardMs = null;
  isTranscribed = false;
  isFailed = false;
  #streamed = "";
  #whole = "";
  /** @type {Set<string> | null} Deltas taken so far; null when no more are taken. */
  #textEventIds = new Set();
  /** @type {Set<string> | null} */
  #audioEventIds = new Set();

  /** @param {Modality} modality */
  constructor(modality) {
    /** @readonly */
    this.modality = modality;
  }

  get text() {
    return this.#whole || this.#streamed;
  }

  /** @param {string} delta @param {string} eventId Words, unless they came before. */
  stream(delta, eventId) {
    if (!isNew(this.#textEventIds, eventId)) return;
    this.marks.stream(charsIn(delta));
    this.#streamed += delta;
  }

  /** @param {number} ms @param {string} eventId Sound, unless it came before. */
  hear(ms, eventId) {
    if (isNew(this.#audioEventIds, eventId)) this.marks.hear(ms);
  }

  hearNoMore() {
    this.#audioEventIds = null;
  }

  /** @param {string} whole Nothing blank replaces words; after a truncation nothing shortens them. */
  settle(whole) {
    this.#textEventIds = null;
    const isShortened = this.heardMs !== null && this.text.startsWith(whole);
    if (hasWords(whole) && !isShortened) this.#whole = whole;
  }

  /** @param {number} ms Only this much was heard. */
  truncate(ms) {
    this.heardMs = Math.min(ms, this.heardMs ?? ms);
  }
}

/** One item of the conversation. */
export class Item {
  /** @type {Speaker | null} */
  role = null;
  /** Off for what makes no line: functions, system messages. */
  speaks = true;
  isInConversation = false;
  /** On once a person's speech has become part of the conversation. */
  isCommitted = false;
  responseId = "";
  isCompleted = false;
  isIncomplete = false;
  isDeleted = false;
  /** @type {Map<number, Part>} */
  parts = new Map();

  /** @param {string} id */
  constructor(id) {
    /** @readonly */
    this.id = id;
  }

  /**
   * Whether it makes a line; a user's speech does while its words may still come.
   *
   * @param {Part} part
   * @param {boolean} isSpeaking
   */
  isLine(part, isSpeaking) {
    if (this.role === null || !this.speaks) return false;
    if (hasWords(part.text)) return true;
    if (this.role !== "user" || part.modality !== "voice" || this.isDeleted) return false;
    return part.isFailed || (!part.isTranscribed && (this.isCommitted || isSpeaking));
  }

  /**
   * @param {number} contentIndex
   * @param {Part} part
   * @param {Status | undefined} responseEnd How its response ended, if it did.
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
      heardText: heardMs === null ? null : heardText(part.text, part.marks, heardMs),
      heardMs,
      status: heardMs === null ? this.#statusOf(part, responseEnd) : "interrupted",
      position: 0,
    };
  }

  /** @param {Part} part @param {Status | undefined} responseEnd @returns {Status} */
  #statusOf(part, responseEnd) {
    const status = this.role === "user" ? usersStatus(part) : this.#answersStatus(responseEnd);
    return status === "in_progress" && this.isDeleted ? "interrupted" : status;
  }

  /** @param {Status | undefined} responseEnd @returns {Status} */
  #answersStatus(responseEnd) {
    if (this.isCompleted && !this.isIncomplete) return "completed";
    if (this.isIncomplete && responseEnd !== "failed") return "interrupted";
    return responseEnd ?? "in_progress";
  }
}

/** @param {Part} part @returns {Status} */
function usersStatus(part) {
  if (part.modality === "text" || part.isTranscribed) return "completed";
  return part.isFailed ? "failed" : "in_progress";
}

/**
 * Whether this delta is still wanted and did not come before; without an id it is new.
 *
 * @param {Set<string> | null} eventIds
 * @param {string} eventId
 */
function isNew(eventIds, eventId) {
  if (eventIds === null || eventIds.has(eventId)) return false;
  if (eventId) eventIds.add(eventId);
  return true;
}
