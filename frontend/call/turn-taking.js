/**
 * Turn taking: which frames go to the server when the user speaks, types or interrupts. Pure.
 *
 * At most one response is requested at a time, and each has one owner: the server creates the
 * responses to speech, this object those to typed messages, after the running response has ended (the
 * provider refuses a second one with "conversation_already_has_active_response").
 */

import { partKey } from "../transcript/item.js";
import { indexFrom } from "../transcript/reading.js";

/**
 * @typedef {{ type: string, event_id?: string, [field: string]: unknown }} Frame
 * @typedef {{ type: string, [field: string]: any }} ServerEvent
 * @typedef {{ itemId: string, contentIndex: number, heardMs: number, wasAllHeard: boolean }} Cut
 *   Audio that was cut off; `heardMs` is what had left the loudspeaker.
 * @typedef {{ itemId: string, text: string }} TypedMessage
 * @typedef {"audio" | "text"} Modality
 */

/** Turns user actions and server events into frames to send. */
export class TurnTaking {
  /** @type {string | null} Empty while a response runs whose id is not known. */
  #activeResponseId = null;
  /** `response.create` was sent, and `response.created` has not come. */
  #isRequested = false;
  #requestEventId = "";
  /** The requested response must be cancelled as soon as it is created. */
  #cancelWhenCreated = false;
  /** A response must be requested as soon as nothing prevents it. */
  #mustRequest = false;
  /** A message was typed during speech: the server's response to the speech covers it. */
  #isCoveredBySpeech = false;
  #isUserSpeaking = false;
  #isOpen = false;
  /** @type {"none" | "open" | "complete"} The items of the running response. */
  #output = "none";
  /** @type {Set<string>} Unconfirmed messages that are not waited for any more. */
  #givenUp = new Set();
  /** @type {Modality} Of the next response that is requested. */
  #modality = "text";
  /** @type {Map<string, TypedMessage>} Messages that the server has not confirmed, oldest first. */
  #unconfirmed = new Map();
  /** @type {Set<string>} Items whose audio was cut off. */
  #cutItems = new Set();
  /** @type {Map<string, Cut>} By part key: cuts that were sent and that the server has not confirmed. */
  #unconfirmedCuts = new Map();
  /** @type {Set<string>} */
  #cancelledResponses = new Set();
  /** @type {() => string} */
  #newId;

  /** @param {() => string} newId Returns a fresh id of at most 32 letters, digits, `_` or `-`. */
  constructor(newId) {
    this.#newId = newId;
  }

  /** Typed messages that the server has not confirmed yet, oldest first. */
  get unconfirmed() {
    return [...this.#unconfirmed.values()];
  }

  /** Whether a response is running, was requested, or will be. */
  get isAnswerDue() {
    return this.#activeResponseId !== null || this.#isRequested || this.#mustRequest;
  }

  /** Whether a typed message waits for the server or for its answer, or a response is running. */
  get isOwed() {
    const isMessageOwed = this.unconfirmed.some(({ itemId }) => !this.#givenUp.has(itemId));
    return this.isAnswerDue || this.#isCoveredBySpeech || isMessageOwed;
  }

  /** Unconfirmed messages that are not waited for any more: they are sent again with the next call. */
  get givenUpItemIds() {
    return /** @type {ReadonlySet<string>} */ (this.#givenUp);
  }

  /** Whether the running response, or the one that was requested, was cancelled and has not ended. */
  get isCancelling() {
    if (this.#activeResponseId === null) return this.#isRequested && this.#cancelWhenCreated;
    return this.#cancelledResponses.has(this.#activeResponseId);
  }

  /** Whether a cut was sent that the server has not confirmed. */
  get isTruncating() {
    return this.#unconfirmedCuts.size > 0;
  }

  /** Remove the cuts that the server has not confirmed. @returns {Cut[]} */
  takeUnconfirmedCuts() {
    const taken = [...this.#unconfirmedCuts.values()];
    this.#unconfirmedCuts.clear();
    return taken;
  }

  /** Whether the running response has begun an item. */
  get hasOutput() {
    return this.#activeResponseId !== null && this.#output !== "none";
  }

  /** Whether every item that the running response began is complete: only its end is missing. */
  get isAnswerComplete() {
    return this.#activeResponseId !== null && this.#output === "complete";
  }

  /** Remove the typed messages that the server has not confirmed, to be sent in another way.
   * @returns {TypedMessage[]} */
  takeUnconfirmed() {
    const taken = this.unconfirmed;
    this.#unconfirmed.clear();
    this.#mustRequest = false;
    return taken;
  }

  /**
   * The call is open. Messages that were lost on the way are sent again, with the same item ids.
   *
   * @param {ReadonlySet<string>} knownItemIds Items of the server's history.
   * @returns {Frame[]}
   */
  open(knownItemIds) {
    this.#isOpen = true;
    for (const itemId of [...this.#unconfirmed.keys()]) {
      if (knownItemIds.has(itemId)) this.#unconfirmed.delete(itemId);
      // It is sent again, and this time its answer too is waited for.
      else if (this.#givenUp.has(itemId)) this.#mustRequest = true;
    }
    this.#givenUp.clear();
    return this.#messageFrames(this.unconfirmed);
  }

  /** The call is closed or lost, and the running response with it. */
  close() {
    this.#isOpen = false;
    // Request again after reopening: a response that was never created, and the answer to a typed
    // message that the lost speech would have had.
    this.#mustRequest ||=
      (this.#isRequested && !this.#cancelWhenCreated) || this.#isCoveredBySpeech;
    this.#isCoveredBySpeech = false;
    this.#activeResponseId = null;
    this.#isRequested = false;
    this.#cancelWhenCreated = false;
    this.#isUserSpeaking = false;
    this.#cancelledResponses.clear();
  }

  /**
   * The user sent a message, to be answered in `modality`.
   *
   * @param {string} text
   * @param {Modality} modality
   * @returns {Frame[]}
   */
  addMessage(text, modality) {
    const message = { itemId: this.#newId(), text };
    this.#unconfirmed.set(message.itemId, message);
    this.#modality = modality;
    this.#mustRequest = true;
    if (!this.#isOpen) return [];
    if (this.#isUserSpeaking) {
      // The server will respond to the speech, and to this message with it.
      this.#mustRequest = false;
      this.#isCoveredBySpeech = true;
      return [this.#itemFrame(message)];
    }
    if (this.#isFree) return this.#messageFrames([message]);
    return [this.#itemFrame(message), ...this.#cancelResponse()];
  }

  /** @param {Modality} modality Of responses that are not requested yet. */
  answerIn(modality) {
    this.#modality = modality;
  }

  /**
   * The microphone is off. If the user was speaking, clear the audio buffer; else the server would
   * wait for the end of the sentence for ever.
   *
   * @returns {Frame[]}
   */
  clearSpeech() {
    if (!this.#isUserSpeaking) return [];
    return [{ type: "input_audio_buffer.clear", event_id: this.#newId() }];
  }

  /**
   * Cancel the running response and request none. The server still responds to speech that is going
   * on, and to messages that were typed during it.
   *
   * @returns {Frame[]}
   */
  stop() {
    this.#mustRequest = false;
    return this.#cancelResponse();
  }

  /**
   * The end of the speech never came: go on as if it had been cleared.
   *
   * @returns {Frame[]}
   */
  forgetSpeech() {
    return this.#speechCleared();
  }

  /**
   * The end of the running response was never reported: assume it, and request what waits for it.
   *
   * @returns {Frame[]}
   */
  assumeEnded() {
    this.#forgetResponse();
    return this.#mustRequest && !this.#isUserSpeaking ? [this.#responseFrame()] : [];
  }

  /**
   * The answer does not come, or does not end: wait for it no more. The provider is asked to cancel it, so
   * that it refuses no later request; a response that is created only now is one like any other.
   *
   * @returns {Frame[]}
   */
  giveUpAnswer() {
    const id = this.#activeResponseId;
    const frames = id === null ? [] : this.#cancelFrames(id);
    this.#forgetResponse();
    this.#mustRequest = false;
    this.#isCoveredBySpeech = false;
    for (const itemId of this.#unconfirmed.keys()) this.#givenUp.add(itemId);
    return frames;
  }

  /**
   * Audio was cut off: tell the server what was heard of it. Items that were heard whole need no
   * frame; truncating a fully played item would delete its transcript at the provider.
   *
   * @param {ReadonlyArray<Cut>} cuts
   * @returns {Frame[]}
   */
  truncate(cuts) {
    for (const { itemId } of cuts) this.#cutItems.add(itemId);
    const truncated = cuts.filter((cut) => !cut.wasAllHeard);
    for (const cut of truncated)
      this.#unconfirmedCuts.set(partKey(cut.itemId, cut.contentIndex), cut);
    return truncated.map((cut) => ({
      type: "conversation.item.truncate",
      event_id: this.#newId(),
      item_id: cut.itemId,
      content_index: cut.contentIndex,
      audio_end_ms: cut.heardMs,
    }));
  }

  /**
   * Whether this audio may still be played: its item was not cut and its response not cancelled.
   *
   * @param {ServerEvent} event
   */
  isPlayable(event) {
    return !this.#cutItems.has(event.item_id) && !this.#cancelledResponses.has(event.response_id);
  }

  /**
   * @param {ServerEvent} event
   * @returns {Frame[]} The frames to send in reply.
   */
  fromServer(event) {
    const handler = Object.hasOwn(this.#handlers, event.type) ? this.#handlers[event.type] : null;
    return handler?.(event) ?? [];
  }

  /** @type {Readonly<Record<string, (event: ServerEvent) => Frame[]>>} */
  #handlers = Object.freeze({
    "conversation.item.added": (event) => this.#itemConfirmed(event),
    "conversation.item.created": (event) => this.#itemConfirmed(event),
    "conversation.item.done": (event) => this.#itemConfirmed(event),
    "conversation.item.truncated": (event) => this.#truncated(event),
    "input_audio_buffer.speech_started": () => this.#speechStarted(),
    "input_audio_buffer.speech_stopped": () => this.#speechStopped(),
    "input_audio_buffer.cleared": () => this.#speechCleared(),
    "response.created": (event) => this.#responseCreated(event),
    "response.output_item.added": (event) => this.#outputItem(event, "open"),
    "response.output_item.done": (event) => this.#outputItem(event, "complete"),
    "response.done": (event) => this.#responseDone(event),
    error: (event) => this.#refused(event.error ?? {}),
    "relay.error": (event) => this.#refused(event),
  });

  /** Whether a response may be requested. */
  get #isFree() {
    return this.#activeResponseId === null && !this.#isRequested;
  }

  /** @param {ServerEvent} event @returns {Frame[]} */
  #itemConfirmed(event) {
    this.#unconfirmed.delete(event.item?.id);
    this.#givenUp.delete(event.item?.id);
    return [];
  }

  /** @param {ServerEvent} event @returns {Frame[]} */
  #truncated({ item_id: itemId, content_index: contentIndex }) {
    this.#unconfirmedCuts.delete(partKey(itemId, indexFrom(contentIndex)));
    return [];
  }

  /** @returns {Frame[]} */
  #speechStarted() {
    this.#isUserSpeaking = true;
    // The server cancels its response when it detects speech; audio that is under way is not played.
    if (this.#activeResponseId !== null) this.#cancelledResponses.add(this.#activeResponseId);
    return [];
  }

  /** @returns {Frame[]} */
  #speechStopped() {
    this.#isUserSpeaking = false;
    this.#isCoveredBySpeech = false;
    return [];
  }

  /** @returns {Frame[]} */
  #speechCleared() {
    this.#isUserSpeaking = false;
    this.#mustRequest ||= this.#isCoveredBySpeech;
    this.#isCoveredBySpeech = false;
    return this.#mustRequest && this.#isFree ? [this.#responseFrame()] : [];
  }

  /** @param {ServerEvent} event @returns {Frame[]} */
  #responseCreated(event) {
    const id = String(event.response?.id ?? "");
    this.#activeResponseId = id;
    this.#output = "none";
    this.#isRequested = false;
    if (!this.#cancelWhenCreated) return [];
    this.#cancelWhenCreated = false;
    return this.#cancelFrames(id);
  }

  /** @param {ServerEvent} event @param {"open" | "complete"} output @returns {Frame[]} */
  #outputItem({ response_id: id }, output) {
    if (this.#activeResponseId !== null && id === this.#activeResponseId) this.#output = output;
    return [];
  }

  #forgetResponse() {
    this.#activeResponseId = null;
    this.#isRequested = false;
    this.#cancelWhenCreated = false;
  }

  /** @param {ServerEvent} event @returns {Frame[]} */
  #responseDone(event) {
    const id = event.response?.id;
    if (id && this.#activeResponseId && id !== this.#activeResponseId) return [];
    this.#activeResponseId = null;
    return this.#mustRequest && !this.#isUserSpeaking ? [this.#responseFrame()] : [];
  }

  /** @param {Record<string, any>} error @returns {Frame[]} */
  #refused({ code, event_id: eventId }) {
    if (code === "response_cancel_not_active") return this.#responseDone({ type: "response.done" });
    if (!eventId || eventId !== this.#requestEventId) return [];
    this.#isRequested = false;
    this.#cancelWhenCreated = false;
    // Another response is running; ours is requested again when that one has ended.
    this.#mustRequest = code === "conversation_already_has_active_response";
    if (this.#mustRequest) this.#activeResponseId ??= "";
    return [];
  }

  /** @returns {Frame[]} */
  #cancelResponse() {
    if (this.#activeResponseId !== null) return this.#cancelFrames(this.#activeResponseId);
    this.#cancelWhenCreated = this.#isRequested;
    return [];
  }

  /** @param {string} responseId @returns {Frame[]} */
  #cancelFrames(responseId) {
    if (this.#cancelledResponses.has(responseId)) return [];
    this.#cancelledResponses.add(responseId);
    const frame = { type: "response.cancel", event_id: this.#newId() };
    return [responseId ? { ...frame, response_id: responseId } : frame];
  }

  /** @param {ReadonlyArray<TypedMessage>} messages @returns {Frame[]} */
  #messageFrames(messages) {
    const items = messages.map((message) => this.#itemFrame(message));
    return this.#mustRequest ? [...items, this.#responseFrame()] : items;
  }

  /** @param {TypedMessage} message @returns {Frame} */
  #itemFrame({ itemId, text }) {
    return {
      type: "conversation.item.create",
      event_id: this.#newId(),
      item: {
        id: itemId,
        type: "message",
        role: "user",
        content: [{ type: "input_text", text }],
      },
    };
  }

  /** @returns {Frame} */
  #responseFrame() {
    this.#mustRequest = false;
    this.#isRequested = true;
    this.#requestEventId = this.#newId();
    return {
      type: "response.create",
      event_id: this.#requestEventId,
      response: { output_modalities: [this.#modality] },
    };
  }
}
