/**
 * The lines of a conversation: the server's events in any order in, lines in spoken order out. Pure.
 *
 * The laws are those of `backend/protocol/transcript/assembler.py`, where they are written down, and
 * the same tapes test both. The names are the same too. The page differs in two points:
 * 1. A user's line appears when speech starts, at the end of the conversation until its commit gives
 *    it a place, and stays while its text may still come.
 * 2. The turns of earlier calls stand in front. An event about one of them updates its line.
 */

import { msOfBase64 } from "../audio/pcm.js";
import { ItemChain, Rank } from "./chain.js";
import { hasWords } from "./heard.js";
import { Item, Part, partKey } from "./item.js";
import { lineFromTurn } from "./past.js";
import { cleanTextAt, indexFrom, lookUp, mappingAt, mappingsAt, textAt } from "./reading.js";
import { SteadyMap } from "./steady-map.js";

/** @import { Line, Modality, Role, Status } from "./item.js" */
/** @import { KeptTurn } from "./past.js" */
/** @import { JsonObject } from "./reading.js" */

/** @typedef {{ readonly type: string, readonly [field: string]: any }} ServerEvent */
/** @typedef {(event: ServerEvent) => void} Reader */
/**
 * The lines of an item, and what else than its own events they depend on. `pastIndex` is that of the turn
 * of an earlier call that a line updates.
 *
 * @typedef {{
 *   isSpeaking: boolean, isOutOfBand: boolean, responseEnd: Status | undefined,
 *   lines: { line: Line, pastIndex: number | undefined }[],
 * }} ItemLines
 */

const MAX_AUDIO_MS = 24 * 3600 * 1000;

/** @type {Readonly<Record<string, Role>>} */
const TURN_ROLES = Object.freeze({ user: "user", assistant: "assistant" });

/**
 * The types of content parts with words. `response.content_part.*` say `text` and `audio`.
 * @type {Readonly<Record<string, Modality>>}
 */
const CONTENT_MODALITIES = Object.freeze({
  input_text: "text",
  output_text: "text",
  text: "text",
  input_audio: "voice",
  output_audio: "voice",
  audio: "voice",
});

/** @type {Readonly<Record<string, Status>>} By the status of `response.done`. */
const RESPONSE_ENDS = Object.freeze({
  completed: "completed",
  cancelled: "interrupted",
  incomplete: "interrupted",
  failed: "failed",
});

/** Assembles the lines of a conversation. */
export class TranscriptAssembler {
  /** @type {Line[]} The turns of earlier calls, in their order. */
  #past = [];
  /** @type {Map<string, number>} The indexes in `#past`, by part key. */
  #pastIndexes = new Map();
  /** @type {ItemChain} */
  #chain;
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** @type {Map<string, Status>} By response id; the first end is final. */
  #responseEnds = new Map();
  /** @type {Set<string>} Ids of the responses whose end is not waited for any more. */
  #givenUpResponses = new Set();
  /** @type {Set<string>} Ids of the responses outside of the conversation. */
  #outOfBand = new Set();
  /** The id of the item that the user is speaking and that is not committed yet. */
  #speakingId = "";
  /** @type {Map<string, ItemLines>} By item id, until an event about the item. */
  #itemLines = new Map();
  /** @type {SteadyMap<Line, Line>} */
  #positioned = new SteadyMap();
  /** @type {Line[] | null} The result of `lines()`; null after a change. */
  #lines = null;

  /** @param {ReadonlyArray<KeptTurn>} pastTurns Turns of earlier calls, in spoken order. */
  constructor(pastTurns = []) {
    for (const line of pastTurns.map(lineFromTurn)) {
      const index = this.#pastIndexes.get(keyOf(line)) ?? this.#past.length;
      this.#pastIndexes.set(keyOf(line), index);
      this.#past[index] = line;
    }
    this.#chain = new ItemChain(new Set(pastTurns.map((turn) => turn.item_id)));
  }

  /** Apply one server event. Events of an unknown type are ignored. @param {ServerEvent} event */
  feed(event) {
    lookUp(this.#readers, event.type)?.(event);
  }

  /** The speech that is not committed will not be, or only late. */
  dropSpeech() {
    this.#speakingId = "";
    this.#lines = null;
  }

  /** The text of this speech has not come in time; one that comes later still counts (law 3). Speech
   * without words that was not committed either makes no line. @param {string} itemId */
  giveUpTranscript(itemId) {
    if (this.#speakingId === itemId) this.dropSpeech();
    const item = this.#items.get(itemId);
    const part = item?.parts.get(0);
    if (!item || !part || part.isTranscribed) return;
    part.isGivenUp = item.isCommitted || hasWords(part.text);
    this.#itemLines.delete(itemId);
    this.#lines = null;
  }

  /**
   * Take this as the length of an answer's audio, of which no delta comes (WebRTC).
   *
   * @param {string} itemId
   * @param {number} contentIndex
   * @param {number} ms
   */
  estimateAudio(itemId, contentIndex, ms) {
    const part = this.#items.get(itemId)?.parts.get(contentIndex);
    if (!part) return;
    part.timing.setAudio(ms);
    this.#itemLines.delete(itemId);
    this.#lines = null;
  }

  /** The responses in progress end no more: they are interrupted, unless their end still comes. */
  giveUpAnswers() {
    for (const { responseId } of this.#items.values()) {
      if (responseId) this.#givenUpResponses.add(responseId);
    }
    this.#lines = null;
  }

  /**
   * Every line, in spoken order: the past, then this call, then the speech that is not committed yet.
   * The same array until something changes; after a change, a line that is as it was is the same object.
   *
   * @returns {Line[]}
   */
  lines() {
    this.#lines ??= this.#assemble();
    return this.#lines;
  }

  /** @type {Readonly<Record<string, Reader>>} The reader of each event type. */
  #readers = Object.freeze({
    "input_audio_buffer.speech_started": (event) => {
      const item = this.#item(event.item_id);
      if (!item || item.isCommitted) return;
      this.#part(item, 0, "voice", "user");
      this.#speakingId = item.id;
    },
    "input_audio_buffer.cleared": () => this.dropSpeech(),
    "input_audio_buffer.committed": (event) => {
      const item = this.#item(event.item_id);
      if (!item) return;
      this.#part(item, 0, "voice", "user");
      this.#place(item, event, Rank.COMMIT);
      this.#setCommitted(item);
    },
    "conversation.item.input_audio_transcription.delta": (event) =>
      this.#userPart(event)?.addText(textAt(event, "delta"), textAt(event, "event_id")),
    "conversation.item.input_audio_transcription.completed": (event) => {
      const part = this.#userPart(event);
      const text = cleanTextAt(event, "transcript");
      if (!part || (part.isGivenUp && !hasWords(text))) return;
      part.isTranscribed = true;
      part.completeText(text);
    },
    "conversation.item.input_audio_transcription.failed": (event) => {
      const part = this.#userPart(event);
      if (part) part.isFailed = true;
    },

    "response.created": (event) => this.#responseCreated(event),
    "response.done": (event) => this.#responseDone(event),
    "response.output_item.added": (event) => this.#outputItem(event, false),
    "response.output_item.done": (event) => this.#outputItem(event, true),
    "response.content_part.added": (event) => void this.#contentPart(event),
    "response.content_part.done": (event) =>
      this.#contentPart(event)?.completeText(textOf(mappingAt(event, "part"))),
    "response.output_text.delta": (event) =>
      this.#answerPart(event, "text")?.addText(textAt(event, "delta"), textAt(event, "event_id")),
    "response.output_text.done": (event) =>
      this.#answerPart(event, "text")?.completeText(cleanTextAt(event, "text")),
    "response.output_audio_transcript.delta": (event) =>
      this.#answerPart(event, "voice")?.addText(textAt(event, "delta"), textAt(event, "event_id")),
    "response.output_audio_transcript.done": (event) =>
      this.#answerPart(event, "voice")?.completeText(cleanTextAt(event, "transcript")),
    "response.output_audio.delta": (event) =>
      this.#answerPart(event, "voice")?.addAudio(
        msOfBase64(textAt(event, "delta")),
        textAt(event, "event_id"),
      ),
    "response.output_audio.done": (event) => this.#answerPart(event, "voice")?.completeAudio(),

    "conversation.item.added": (event) => this.#conversationItem(event, false),
    "conversation.item.created": (event) => this.#conversationItem(event, false),
    "conversation.item.done": (event) => this.#conversationItem(event, true),
    "conversation.item.retrieved": (event) => this.#conversationItem(event, true),
    "conversation.item.truncated": (event) => {
      const item = this.#item(event.item_id);
      const ms = event.audio_end_ms;
      if (!item || typeof ms !== "number" || !(Math.abs(ms) <= MAX_AUDIO_MS)) return;
      const part = this.#part(item, event.content_index, "voice", null);
      part.truncate(Math.max(0, Math.trunc(ms)));
    },
    "conversation.item.deleted": (event) => {
      const item = this.#item(event.item_id);
      if (!item) return;
      item.isDeleted = true;
      this.#chain.markDeleted(item.id);
    },
  });

  /** A response is out of band if its `conversation_id` is given and null. @type {Reader} */
  #responseCreated(event) {
    const response = mappingAt(event, "response");
    const responseId = textAt(response, "id");
    if (responseId && response.conversation_id === null) this.#outOfBand.add(responseId);
    this.#lines = null;
  }

  /** @type {Reader} */
  #responseDone(event) {
    this.#responseCreated(event);
    const response = mappingAt(event, "response");
    const responseId = textAt(response, "id");
    let previous = "";
    for (const outputItem of mappingsAt(response, "output")) {
      const item = this.#readItem(outputItem, true);
      if (!item) continue;
      item.responseId ||= responseId;
      if (previous) this.#chain.place(item.id, previous, Rank.GUESS);
      previous = item.id;
    }
    if (responseId && !this.#responseEnds.has(responseId)) {
      // An unknown status is an end as well: no further event will come for this response.
      this.#responseEnds.set(responseId, lookUp(RESPONSE_ENDS, response.status) ?? "completed");
    }
  }

  /** @param {ServerEvent} event @param {boolean} isFinal */
  #outputItem(event, isFinal) {
    const item = this.#readItem(mappingAt(event, "item"), isFinal);
    if (item) item.responseId ||= textAt(event, "response_id");
  }

  /** @param {ServerEvent} event */
  #contentPart(event) {
    const modality = lookUp(CONTENT_MODALITIES, mappingAt(event, "part").type);
    return modality ? this.#answerPart(event, modality) : null;
  }

  /** @param {ServerEvent} event @param {boolean} isFinal */
  #conversationItem(event, isFinal) {
    const item = this.#readItem(mappingAt(event, "item"), isFinal);
    if (!item) return;
    item.isInConversation = true;
    this.#place(item, event, Rank.ITEM);
    this.#setCommitted(item);
  }

  /** @param {Item} item An item that has become part of the conversation. */
  #setCommitted(item) {
    item.isCommitted = true;
    if (this.#speakingId === item.id) this.#speakingId = "";
  }

  /** The item of this id, made if it is new; null for no valid id.
   * @param {unknown} id @returns {Item | null} */
  #item(id) {
    if (typeof id !== "string" || !id) return null;
    this.#lines = null;
    this.#itemLines.delete(id);
    const known = this.#items.get(id);
    if (known) return known;
    const item = new Item(id);
    this.#items.set(id, item);
    this.#chain.add(id);
    return item;
  }

  /**
   * The part of this index, made if it is new. A missing or negative index is the first.
   *
   * @param {Item} item
   * @param {unknown} contentIndex
   * @param {Modality} modality
   * @param {Role | null} role
   */
  #part(item, contentIndex, modality, role) {
    const index = indexFrom(contentIndex);
    item.role ??= role;
    const part = item.parts.get(index) ?? new Part(modality);
    item.parts.set(index, part);
    return part;
  }

  /** The user's part that a transcription event is about. @param {ServerEvent} event */
  #userPart(event) {
    const item = this.#item(event.item_id);
    return item && this.#part(item, event.content_index, "voice", "user");
  }

  /** The part of an answer that a response event is about.
   * @param {ServerEvent} event @param {Modality} modality */
  #answerPart(event, modality) {
    const item = this.#item(event.item_id);
    if (!item) return null;
    item.responseId ||= textAt(event, "response_id");
    return this.#part(item, event.content_index, modality, "assistant");
  }

  /** @param {Item} item @param {ServerEvent} event @param {number} rank */
  #place(item, event, rank) {
    const previous = event.previous_item_id;
    if (previous === null || (typeof previous === "string" && previous)) {
      this.#chain.place(item.id, previous, rank);
    }
  }

  /** Apply the item inside an event; `isFinal` if its content is complete.
   * @param {JsonObject} given @param {boolean} isFinal */
  #readItem(given, isFinal) {
    const item = this.#item(given.id);
    if (!item) return null;
    const role = textAt(given, "role");
    const isMessage = given.type === undefined || given.type === "message";
    if (!isMessage || (role && !Object.hasOwn(TURN_ROLES, role))) {
      item.isMessage = false;
      return item;
    }
    item.role ??= lookUp(TURN_ROLES, role) ?? null;
    item.isCompleted ||= given.status === "completed";
    item.isIncomplete ||= given.status === "incomplete";
    const isComplete = isFinal || given.status !== "in_progress";
    for (const [index, content] of mappingsAt(given, "content").entries()) {
      const modality = lookUp(CONTENT_MODALITIES, content.type);
      if (!modality) continue;
      const part = this.#part(item, index, modality, null);
      const text = textOf(content);
      if (!isComplete || !hasWords(text)) continue;
      part.isTranscribed = true;
      part.completeText(text);
    }
    return item;
  }

  /** @returns {Line[]} */
  #assemble() {
    const past = [...this.#past];
    /** @type {Line[]} */
    const now = [];
    /** @type {Line[]} */
    const speaking = [];
    for (const id of this.#chain.order()) {
      const item = this.#items.get(id);
      for (const { line, pastIndex } of item ? this.#linesOf(item) : []) {
        if (pastIndex !== undefined) past[pastIndex] = line;
        else (id === this.#speakingId ? speaking : now).push(line);
      }
    }
    return this.#positioned.map(
      [...past, ...now, ...speaking],
      (line, position, known) => known ?? { ...line, position },
    );
  }

  /** The lines of an item, made anew only after a change: an event comes dozens of times a second, and
   * a call may have thousands of items. @param {Item} item */
  #linesOf(item) {
    const isSpeaking = item.id === this.#speakingId;
    const isOutOfBand = this.#outOfBand.has(item.responseId) && !item.isInConversation;
    const responseEnd = this.#endOf(item.responseId);
    const known = this.#itemLines.get(item.id);
    if (
      known?.isSpeaking === isSpeaking &&
      known.isOutOfBand === isOutOfBand &&
      known.responseEnd === responseEnd
    ) {
      return known.lines;
    }
    const lines = isOutOfBand ? [] : this.#newLinesOf(item, isSpeaking, responseEnd);
    this.#itemLines.set(item.id, { isSpeaking, isOutOfBand, responseEnd, lines });
    return lines;
  }

  /** @param {Item} item @param {boolean} isSpeaking @param {Status | undefined} responseEnd
   * @returns {ItemLines["lines"]} */
  #newLinesOf(item, isSpeaking, responseEnd) {
    return [...item.parts]
      .sort(([a], [b]) => a - b)
      .filter(([, part]) => item.isLine(part, isSpeaking))
      .map(([index, part]) => {
        const line = item.line(index, part, responseEnd);
        const pastIndex = this.#pastIndexes.get(keyOf(line));
        const kept = pastIndex === undefined ? undefined : this.#past[pastIndex];
        return { line: kept ? updatedLine(kept, line) : line, pastIndex };
      });
  }

  /** How a response ended, if it did. @param {string} responseId @returns {Status | undefined} */
  #endOf(responseId) {
    const isGivenUp = this.#givenUpResponses.has(responseId);
    return this.#responseEnds.get(responseId) ?? (isGivenUp ? "interrupted" : undefined);
  }
}

/** @param {Line} line */
const keyOf = (line) => partKey(line.itemId, line.contentIndex);

/**
 * A line of the past after an event about it. A replayed item holds only what was heard of an
 * interrupted answer, so it changes the line only if it has more text, or the same.
 *
 * @param {Line} kept
 * @param {Line} replayed
 */
function updatedLine(kept, replayed) {
  const hasMore = replayed.text.length > kept.text.length || replayed.heardMs !== null;
  const isSame = replayed.text === kept.text && kept.heardMs === null;
  const { text, heardText, heardMs, status } = replayed;
  return hasMore || isSame ? { ...kept, text, heardText, heardMs, status } : kept;
}

/** The text of a content part: `text` of a written one, `transcript` of a spoken one.
 * @param {JsonObject} content */
const textOf = (content) => cleanTextAt(content, "text") || cleanTextAt(content, "transcript");
