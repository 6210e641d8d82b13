/**
 * The lines of a conversation: fed the server's events in any order, it answers in spoken order. Pure.
 *
 * The laws are those of backend/protocol/transcript.py, and the same tapes prove both. What the page
 * has besides: a person's line appears when speech starts, at the end until its commit gives it a
 * place, and stays while its words may still come; and the past stands in front, each turn once.
 */

import { COMMIT, GUESS, ITEM, ItemChain } from "./chain.js";
import { hasWords } from "./heard.js";
import { Item, Part } from "./items.js";

/** @import { Line, Modality, Speaker, Status } from "./items.js" */

/**
 * @typedef {{
 *   item_id: string, content_index?: number, role: string, modality: string, text: string,
 *   heard_text: string | null, heard_ms: number | null, status: string, position: number,
 * }} KeptTurn A turn of `GET /api/sessions/{id}/turns/`, as far as it is looked at.
 * @typedef {{ readonly type: string, readonly [field: string]: any }} ServerEvent
 * @typedef {(event: ServerEvent) => void} Reader
 */

const LONGEST_AUDIO_MS = 24 * 3600 * 1000;
/** PCM16 at 24 kHz. */
const BYTES_PER_MS = 48;

/** @type {Readonly<Record<string, Speaker>>} */
const SPEAKERS = Object.freeze({ user: "user", assistant: "assistant" });

/** @type {Readonly<Record<string, Modality>>} Content parts that hold words. */
const MODALITIES = Object.freeze({
  input_text: "text",
  output_text: "text",
  text: "text",
  input_audio: "voice",
  output_audio: "voice",
  audio: "voice",
});

/** @type {Readonly<Record<string, Status>>} */
const RESPONSE_ENDS = Object.freeze({
  completed: "completed",
  cancelled: "interrupted",
  incomplete: "interrupted",
  failed: "failed",
});

/** Assembles the lines of a conversation. */
export class Transcript {
  /** @type {Map<string, Line>} What the server kept, in its order. */
  #past = new Map();
  /** @type {ItemChain} */
  #chain;
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** @type {Map<string, Status>} */
  #responseEnds = new Map();
  /** @type {Set<string>} */
  #outOfBand = new Set();
  /** The item that a person is speaking and that is not committed yet. */
  #speaking = "";
  /** @type {Line[] | null} */
  #lines = null;

  /** @param {ReadonlyArray<KeptTurn>} pastTurns What was said in earlier calls, in spoken order. */
  constructor(pastTurns = []) {
    for (const turn of pastTurns) {
      const line = lineOf(turn);
      this.#past.set(keyOf(line), line);
    }
    this.#chain = new ItemChain(new Set(pastTurns.map((turn) => turn.item_id)));
  }

  /** @param {ServerEvent} event An event from the server; what is unknown is passed over. */
  feed(event) {
    const reader = Object.hasOwn(this.#readers, event.type) ? this.#readers[event.type] : null;
    reader?.(event);
  }

  /** @returns {Line[]} Every line, in spoken order: the past, then this call, then who speaks now. */
  lines() {
    this.#lines ??= this.#assemble();
    return this.#lines;
  }

  /** @type {Readonly<Record<string, Reader>>} */
  #readers = Object.freeze({
    "input_audio_buffer.speech_started": (event) => {
      const item = this.#item(event.item_id);
      if (!item || item.isCommitted) return;
      this.#part(item, 0, "voice", "user");
      this.#speaking = item.id;
    },
    "input_audio_buffer.cleared": () => {
      this.#speaking = "";
      this.#lines = null;
    },
    "input_audio_buffer.committed": (event) => {
      const item = this.#item(event.item_id);
      if (!item) return;
      this.#part(item, 0, "voice", "user");
      this.#place(item, event, COMMIT);
      this.#joins(item);
    },
    "conversation.item.input_audio_transcription.delta": (event) =>
      this.#transcribedPart(event)?.stream(clean(event.delta), word(event.event_id)),
    "conversation.item.input_audio_transcription.completed": (event) => {
      const part = this.#transcribedPart(event);
      if (!part) return;
      part.isTranscribed = true;
      part.settle(clean(event.transcript));
    },
    "conversation.item.input_audio_transcription.failed": (event) => {
      const part = this.#transcribedPart(event);
      if (part) part.isFailed = true;
    },

    "response.created": (event) => this.#noteConversation(event),
    "response.done": (event) => this.#responseDone(event),
    "response.output_item.added": (event) => this.#outputItem(event, false),
    "response.output_item.done": (event) => this.#outputItem(event, true),
    "response.content_part.added": (event) => void this.#contentPart(event),
    "response.content_part.done": (event) =>
      this.#contentPart(event)?.settle(wordsOf(mapping(event.part))),
    "response.output_text.delta": (event) =>
      this.#answerPart(event, "text")?.stream(clean(event.delta), word(event.event_id)),
    "response.output_text.done": (event) =>
      this.#answerPart(event, "text")?.settle(clean(event.text)),
    "response.output_audio_transcript.delta": (event) =>
      this.#answerPart(event, "voice")?.stream(clean(event.delta), word(event.event_id)),
    "response.output_audio_transcript.done": (event) =>
      this.#answerPart(event, "voice")?.settle(clean(event.transcript)),
    "response.output_audio.delta": (event) => {
      const ms = msOfBase64(word(event.delta));
      this.#answerPart(event, "voice")?.hear(ms, word(event.event_id));
    },
    "response.output_audio.done": (event) => this.#answerPart(event, "voice")?.hearNoMore(),

    "conversation.item.added": (event) => this.#itemTold(event, false),
    "conversation.item.created": (event) => this.#itemTold(event, false),
    "conversation.item.done": (event) => this.#itemTold(event, true),
    "conversation.item.retrieved": (event) => this.#itemTold(event, true),
    "conversation.item.truncated": (event) => {
      const item = this.#item(event.item_id);
      const ms = event.audio_end_ms;
      if (!item || typeof ms !== "number" || !(Math.abs(ms) <= LONGEST_AUDIO_MS)) return;
      const part = this.#part(item, event.content_index, "voice", null);
      part.truncate(Math.max(0, Math.trunc(ms)));
    },
    "conversation.item.deleted": (event) => {
      const item = this.#item(event.item_id);
      if (!item) return;
      item.isDeleted = true;
      this.#chain.delete(item.id);
    },
  });

  /** Out of band: `conversation_id` is null, and not the id of a conversation. @type {Reader} */
  #noteConversation(event) {
    const response = mapping(event.response);
    const responseId = word(response.id);
    if (responseId && response.conversation_id === null) this.#outOfBand.add(responseId);
    this.#lines = null;
  }

  /** @type {Reader} */
  #responseDone(event) {
    this.#noteConversation(event);
    const response = mapping(event.response);
    const responseId = word(response.id);
    let previous = "";
    for (const given of mappings(response.output)) {
      const item = this.#readItem(given, true);
      if (!item) continue;
      item.responseId ||= responseId;
      if (previous) this.#chain.place(item.id, previous, GUESS);
      previous = item.id;
    }
    if (responseId && !this.#responseEnds.has(responseId)) {
      // An end by a name that we do not know is an end.
      this.#responseEnds.set(responseId, lookUp(RESPONSE_ENDS, response.status) ?? "completed");
    }
  }

  /** @param {ServerEvent} event @param {boolean} isFinal */
  #outputItem(event, isFinal) {
    const item = this.#readItem(mapping(event.item), isFinal);
    if (item) item.responseId ||= word(event.response_id);
  }

  /** @param {ServerEvent} event */
  #contentPart(event) {
    const modality = lookUp(MODALITIES, mapping(event.part).type);
    return modality ? this.#answerPart(event, modality) : null;
  }

  /** @param {ServerEvent} event @param {boolean} isFinal */
  #itemTold(event, isFinal) {
    const item = this.#readItem(mapping(event.item), isFinal);
    if (!item) return;
    item.isInConversation = true;
    this.#place(item, event, ITEM);
    this.#joins(item);
  }

  /** @param {Item} item What was said is part of the conversation now. */
  #joins(item) {
    item.isCommitted = true;
    if (this.#speaking === item.id) this.#speaking = "";
  }

  /** @param {unknown} id @returns {Item | null} The item of this id, new if need be. */
  #item(id) {
    if (typeof id !== "string" || !id) return null;
    this.#lines = null;
    const known = this.#items.get(id);
    if (known) return known;
    const item = new Item(id);
    this.#items.set(id, item);
    this.#chain.see(id);
    return item;
  }

  /**
   * The part of this index, new if need be. A missing index means the first.
   *
   * @param {Item} item
   * @param {unknown} contentIndex
   * @param {Modality} modality
   * @param {Speaker | null} role
   */
  #part(item, contentIndex, modality, role) {
    const isIndex = Number.isInteger(contentIndex) && Number(contentIndex) > 0;
    const index = isIndex ? Number(contentIndex) : 0;
    item.role ??= role;
    const part = item.parts.get(index) ?? new Part(modality);
    item.parts.set(index, part);
    return part;
  }

  /** @param {ServerEvent} event The user's part that a transcription is about. */
  #transcribedPart(event) {
    const item = this.#item(event.item_id);
    return item && this.#part(item, event.content_index, "voice", "user");
  }

  /** @param {ServerEvent} event @param {Modality} modality The part that a response is writing. */
  #answerPart(event, modality) {
    const item = this.#item(event.item_id);
    if (!item) return null;
    item.responseId ||= word(event.response_id);
    return this.#part(item, event.content_index, modality, "assistant");
  }

  /** @param {Item} item @param {ServerEvent} event @param {number} rank */
  #place(item, event, rank) {
    const previous = event.previous_item_id;
    if (previous === null || (typeof previous === "string" && previous)) {
      this.#chain.place(item.id, previous, rank);
    }
  }

  /** @param {Record<string, any>} given @param {boolean} isEnd What an event says of a whole item. */
  #readItem(given, isEnd) {
    const item = this.#item(given.id);
    if (!item) return null;
    const role = word(given.role);
    const isMessage = given.type === undefined || given.type === "message";
    if (!isMessage || (role && !Object.hasOwn(SPEAKERS, role))) {
      item.speaks = false;
      return item;
    }
    item.role ??= lookUp(SPEAKERS, role) ?? null;
    item.isCompleted ||= given.status === "completed";
    item.isIncomplete ||= given.status === "incomplete";
    const isFinal = isEnd || given.status !== "in_progress";
    for (const [index, content] of mappings(given.content).entries()) {
      const modality = lookUp(MODALITIES, content.type);
      if (!modality) continue;
      const part = this.#part(item, index, modality, null);
      const words = wordsOf(content);
      if (!isFinal || !hasWords(words)) continue;
      part.isTranscribed = true;
      part.settle(words);
    }
    return item;
  }

  /** @returns {Line[]} */
  #assemble() {
    const past = new Map(this.#past);
    /** @type {Line[]} */
    const now = [];
    /** @type {Line[]} */
    const speaking = [];
    for (const id of this.#chain.order()) {
      for (const line of this.#linesOf(id)) {
        const kept = past.get(keyOf(line));
        if (kept) past.set(keyOf(line), newer(kept, line));
        else (id === this.#speaking ? speaking : now).push(line);
      }
    }
    const lines = [...past.values(), ...now, ...speaking];
    return lines.map((line, position) => ({ ...line, position }));
  }

  /** @param {string} id @returns {Line[]} */
  #linesOf(id) {
    const item = this.#items.get(id);
    if (!item || (this.#outOfBand.has(item.responseId) && !item.isInConversation)) return [];
    return [...item.parts]
      .sort(([a], [b]) => a - b)
      .filter(([, part]) => item.isLine(part, id === this.#speaking))
      .map(([index, part]) => item.line(index, part, this.#responseEnds.get(item.responseId)));
  }
}

/** @param {Line} line */
const keyOf = (line) => `${line.itemId}/${line.contentIndex}`;

/** @param {KeptTurn} turn @returns {Line} */
function lineOf(turn) {
  return {
    itemId: turn.item_id,
    contentIndex: turn.content_index ?? 0,
    role: turn.role,
    modality: turn.modality,
    text: turn.text,
    heardText: turn.heard_text ?? null,
    heardMs: turn.heard_ms ?? null,
    status: turn.status,
    position: turn.position,
  };
}

/**
 * A kept line gives way to what is told of it anew, unless that says less: a replay tells a model
 * only what was heard.
 *
 * @param {Line} kept
 * @param {Line} told
 */
function newer(kept, told) {
  const saysMore = told.text.length > kept.text.length || told.heardMs !== null;
  const saysTheSame = told.text === kept.text && kept.heardMs === null;
  const { text, heardText, heardMs, status } = told;
  return saysMore || saysTheSame ? { ...kept, text, heardText, heardMs, status } : kept;
}

/** @param {Record<string, any>} content A text has `text`, a sound `transcript`. */
const wordsOf = (content) => clean(content.text) || clean(content.transcript);

/** @param {unknown} value @returns {Record<string, any>} */
const mapping = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};

/** @param {unknown} value */
const mappings = (value) => (Array.isArray(value) ? value.map(mapping) : []);

/** @param {unknown} value */
const word = (value) => (typeof value === "string" ? value : "");

/** @param {unknown} value Without NUL, and with a mark for each lone surrogate. */
const clean = (value) =>
  word(value)
    .replace(/\p{Cs}/gu, "\ufffd")
    .replaceAll("\0", "");

/** @param {string} encoded How long this base64 PCM16 sounds, by its length. */
function msOfBase64(encoded) {
  const padding = encoded.endsWith("==") ? 2 : Number(encoded.endsWith("="));
  return Math.max(0, Math.floor((encoded.length * 3) / 4) - padding) / BYTES_PER_MS;
}

/**
 * @template T
 * @param {Readonly<Record<string, T>>} table
 * @param {unknown} key
 * @returns {T | undefined}
 */
const lookUp = (table, key) =>
  typeof key === "string" && Object.hasOwn(table, key) ? table[key] : undefined;
