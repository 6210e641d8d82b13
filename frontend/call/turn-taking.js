/**
 * Who speaks next: which frames go to the server when somebody speaks, types or cuts in. Pure.
 *
 * The law: at most one answer is asked for at a time, and each has one owner. The server creates the
 * answers to speech; this object those to typed text, after the running one has ended
 * ("conversation_already_has_active_response" is the provider's answer to a second one).
 */

/**
 * @typedef {{ type: string, event_id?: string, [field: string]: unknown }} Frame
 * @typedef {{ type: string, [field: string]: any }} ServerEvent
 * @typedef {{ itemId: string, contentIndex: number, heardMs: number, wasAllHeard: boolean }} Cut
 * @typedef {{ itemId: string, text: string }} Typed
 * @typedef {"audio" | "text"} Modality
 */

/** Frames and questions about turns, from what the person does and what the server says. */
export class TurnTaking {
  /** @type {string | null} */
  #activeResponse = null;
  #isRequested = false;
  #isHearing = false;
  #mustCancel = false;
  #owesAnswer = false;
  /** A message was left to the answer that the server will give to the speech that is going on. */
  #leansOnSpeech = false;
  /** @type {Modality} */
  #modality = "text";
  /** @type {Map<string, Typed>} Typed messages that the server has not confirmed, oldest first. */
  #unconfirmed = new Map();
  /** @type {Set<string>} Items whose sound was cut off. */
  #cutItems = new Set();
  /** @type {Set<string>} Answers that were called off. */
  #calledOff = new Set();
  /** @type {() => string} */
  #newId;
  #isOpen = false;
  #requestId = "";

  /** @param {() => string} newId A fresh id of at most 32 letters, digits, `_` or `-`. */
  constructor(newId) {
    this.#newId = newId;
  }

  /** Messages that were typed and are not in the conversation yet, oldest first. */
  get unconfirmed() {
    return [...this.#unconfirmed.values()];
  }

  /** Whether an answer is being made, was asked for, or will be. */
  get isAnswerDue() {
    return this.#activeResponse !== null || this.#isRequested || this.#owesAnswer;
  }

  /**
   * The call is open. Messages that were lost on the way are sent again, under the same ids.
   *
   * @param {ReadonlySet<string>} knownItemIds Items that the server's history already has.
   * @returns {Frame[]}
   */
  open(knownItemIds) {
    this.#isOpen = true;
    for (const itemId of [...this.#unconfirmed.keys()]) {
      if (knownItemIds.has(itemId)) this.#unconfirmed.delete(itemId);
    }
    return this.#answerFrames(this.unconfirmed);
  }

  /** The call is gone, and with it whatever answer was running. */
  close() {
    this.#isOpen = false;
    // One that had not begun will be asked for again, and one to speech that is lost now.
    this.#owesAnswer ||= (this.#isRequested && !this.#mustCancel) || this.#leansOnSpeech;
    this.#leansOnSpeech = false;
    this.#forgetAnswer();
    this.#isHearing = false;
    this.#calledOff.clear();
  }

  /**
   * The person sent a message, to be answered in `modality`.
   *
   * @param {string} text
   * @param {Modality} modality
   * @returns {Frame[]}
   */
  type(text, modality) {
    const typed = { itemId: this.#newId(), text };
    this.#unconfirmed.set(typed.itemId, typed);
    this.#modality = modality;
    this.#owesAnswer = true;
    if (!this.#isOpen) return [];
    if (this.#isHearing) {
      // The server will answer the speech that is going on, and this message with it.
      this.#owesAnswer = false;
      this.#leansOnSpeech = true;
      return [this.#itemFrame(typed)];
    }
    if (this.#activeResponse === null && !this.#isRequested) return this.#answerFrames([typed]);
    return [this.#itemFrame(typed), ...this.#callOff()];
  }

  /**
   * What was not asked for yet will be answered so.
   *
   * @param {Modality} modality
   */
  answerIn(modality) {
    this.#modality = modality;
  }

  /**
   * Nothing more will be heard of the person. The server is told, or it would wait for the end of
   * the sentence for ever.
   *
   * @returns {Frame[]}
   */
  dropSpeech() {
    if (!this.#isHearing) return [];
    return [{ type: "input_audio_buffer.clear", event_id: this.#newId() }];
  }

  /**
   * The person wants no answer now, neither the running one nor one that is still to come. To what
   * they are saying the server will answer all the same, and to what leans on it.
   *
   * @returns {Frame[]}
   */
  stop() {
    this.#owesAnswer = false;
    return this.#callOff();
  }

  /**
   * Sound was cut off. What was heard of it is told; what was all heard needs no word, since
   * truncating a fully played item would delete its transcript at the provider.
   *
   * @param {ReadonlyArray<Cut>} cuts
   * @returns {Frame[]}
   */
  cut(cuts) {
    for (const { itemId } of cuts) this.#cutItems.add(itemId);
    return cuts
      .filter((cut) => !cut.wasAllHeard)
      .map((cut) => ({
        type: "conversation.item.truncate",
        event_id: this.#newId(),
        item_id: cut.itemId,
        content_index: cut.contentIndex,
        audio_end_ms: cut.heardMs,
      }));
  }

  /**
   * Whether sound of this event still may be played: not if its item was cut or its answer called off.
   *
   * @param {ServerEvent} event
   */
  isWanted(event) {
    return !this.#cutItems.has(event.item_id) && !this.#calledOff.has(event.response_id);
  }

  /**
   * What the server said, and what to answer.
   *
   * @param {ServerEvent} event
   * @returns {Frame[]}
   */
  fromServer(event) {
    const hear = HEARD[event.type];
    return hear ? hear(this, event) : [];
  }

  /** @param {ServerEvent} event */
  itemConfirmed(event) {
    this.#unconfirmed.delete(event.item?.id);
    return [];
  }

  /** @returns {Frame[]} */
  speechStarted() {
    this.#isHearing = true;
    // The server cancels its own answer when it hears speech; what is under way of it is not played.
    if (this.#activeResponse !== null) this.#calledOff.add(this.#activeResponse);
    return [];
  }

  /** @returns {Frame[]} */
  speechStopped() {
    this.#isHearing = false;
    this.#leansOnSpeech = false;
    return [];
  }

  /** @returns {Frame[]} */
  speechDropped() {
    this.#isHearing = false;
    this.#owesAnswer ||= this.#leansOnSpeech;
    this.#leansOnSpeech = false;
    const isFree = this.#activeResponse === null && !this.#isRequested;
    return this.#owesAnswer && isFree ? [this.#responseFrame()] : [];
  }

  /** @param {ServerEvent} event @returns {Frame[]} */
  responseCreated(event) {
    const id = String(event.response?.id ?? "");
    this.#activeResponse = id;
    this.#isRequested = false;
    if (!this.#mustCancel) return [];
    this.#mustCancel = false;
    return this.#cancelFrames(id);
  }

  /** @param {ServerEvent} event @returns {Frame[]} */
  responseDone(event) {
    if (event.response?.id && this.#activeResponse && event.response.id !== this.#activeResponse) {
      return [];
    }
    this.#activeResponse = null;
    return this.#owesAnswer && !this.#isHearing ? [this.#responseFrame()] : [];
  }

  /** @param {ServerEvent} event @returns {Frame[]} */
  refused(event) {
    const { code, event_id: eventId } = event.type === "error" ? (event.error ?? {}) : event;
    if (code === "response_cancel_not_active") return this.responseDone({ type: "response.done" });
    if (!eventId || eventId !== this.#requestId) return [];
    this.#isRequested = false;
    this.#mustCancel = false;
    // Somebody else's answer is running; ours is asked for again when that one has ended.
    this.#owesAnswer = code === "conversation_already_has_active_response";
    if (this.#owesAnswer) this.#activeResponse ??= "";
    return [];
  }

  /** @returns {Frame[]} */
  #callOff() {
    if (this.#activeResponse !== null) return this.#cancelFrames(this.#activeResponse);
    this.#mustCancel = this.#isRequested;
    return [];
  }

  #forgetAnswer() {
    this.#activeResponse = null;
    this.#isRequested = false;
    this.#mustCancel = false;
  }

  /** @param {string} responseId @returns {Frame[]} */
  #cancelFrames(responseId) {
    if (this.#calledOff.has(responseId)) return [];
    this.#calledOff.add(responseId);
    const frame = { type: "response.cancel", event_id: this.#newId() };
    return [responseId ? { ...frame, response_id: responseId } : frame];
  }

  /** @param {ReadonlyArray<Typed>} typed @returns {Frame[]} */
  #answerFrames(typed) {
    const items = typed.map((message) => this.#itemFrame(message));
    return this.#owesAnswer ? [...items, this.#responseFrame()] : items;
  }

  /** @param {Typed} typed @returns {Frame} */
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
    this.#owesAnswer = false;
    this.#isRequested = true;
    this.#requestId = this.#newId();
    return {
      type: "response.create",
      event_id: this.#requestId,
      response: { output_modalities: [this.#modality] },
    };
  }
}

/** @type {Readonly<Record<string, (turns: TurnTaking, event: ServerEvent) => Frame[]>>} */
const HEARD = Object.freeze({
  "conversation.item.added": (turns, event) => turns.itemConfirmed(event),
  "conversation.item.created": (turns, event) => turns.itemConfirmed(event),
  "conversation.item.done": (turns, event) => turns.itemConfirmed(event),
  "input_audio_buffer.speech_started": (turns) => turns.speechStarted(),
  "input_audio_buffer.speech_stopped": (turns) => turns.speechStopped(),
  "input_audio_buffer.cleared": (turns) => turns.speechDropped(),
  "response.created": (turns, event) => turns.responseCreated(event),
  "response.done": (turns, event) => turns.responseDone(event),
  error: (turns, event) => turns.refused(event),
  "relay.error": (turns, event) => turns.refused(event),
});
