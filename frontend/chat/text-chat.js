/** The typed messages of one conversation without a call: a queue, answered one after the other. */

import { isUnsent, linesOf, queuedMessage, turnOf } from "./messages.js";
import { afterFailure, isAway, NO_FAILURES } from "./resend.js";

/** @import { ApiError } from "../api.js" */
/** @import { KeptTurn } from "../transcript/past.js" */
/** @import { ShownLine } from "../transcript/shown-lines.js" */
/** @import { Message } from "./messages.js" */
/** @import { TextClient, TypedMessage } from "./text-client.js" */

/**
 * @typedef {{
 *   client: Pick<TextClient, "send" | "stop">,
 *   sessionId: () => Promise<string>,
 *   newId: () => string,
 *   explain: (error: ApiError) => string,
 *   network?: EventTarget,
 *   isOnline?: () => boolean,
 *   random?: () => number,
 * }} TextChatParts `sessionId` creates the session if there is none; `newId` returns a fresh id of at
 *   most 32 letters, digits, `_` or `-`; `explain` gives the sentence for an error. `network` fires
 *   `online`; it is the window in a browser.
 * @typedef {{
 *   changed: () => void, accepted: () => void, answered: (turns: KeptTurn[]) => void,
 *   lost: () => void, failed: (error: ApiError) => void, deliverable: (itemId: string) => void,
 * }} TextChatDelegate `changed`: the lines or `isAnswerDue`; `accepted`: the server has taken a message;
 *   `answered` is given the message and its answer, which are lines of this object no more; `lost`: as
 *   `answered`, but only the server knows how much of the answer there is; `deliverable`: the network is
 *   back, for which this message had failed.
 */

/** After so long without an answer of the server, the page says that there is none. */
export const SLOW_MS = 2500;
/** The cause, as of reconnect.js, that is shown then. */
const UNANSWERED = "unanswered";

/** How long a stopped answer may take to end before its request is aborted, which stops it too. */
export const STOP_TIMEOUT_MS = 5000;

export class TextChat {
  #parts;
  #delegate;
  /** @type {Message[]} Oldest first. */
  #messages = [];
  /** @type {Message | null} The message that is being sent or answered. */
  #current = null;
  /** Ends the request of the current message. */
  #request = new AbortController();
  /** @type {Promise<void>} Settles when no message is queued any more. */
  #running = Promise.resolve();
  #isClosed = false;
  /** A call is to be opened: what cannot be sent now has failed. */
  #isFinishing = false;
  #network;
  #isOnline;
  /** Ends the pause before the current message is sent again. @type {AbortController | null} */
  #pause = null;
  /** @type {string | null} */
  #waitingFor = null;
  #closing = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #stopTimer;

  /** @param {TextChatParts} parts @param {TextChatDelegate} delegate */
  constructor(parts, delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
    this.#network = parts.network ?? new EventTarget();
    this.#isOnline = parts.isOnline ?? (() => globalThis.navigator?.onLine !== false);
    const { signal } = this.#closing;
    this.#network.addEventListener("online", () => this.#reportUndelivered(), { signal });
  }

  /** Whether a message is being sent or answered. */
  get isBusy() {
    return this.#current !== null;
  }

  /** Whether there is an answer to wait for: one that is being stopped is none. */
  get isAnswerDue() {
    return (
      this.isBusy && (this.#current?.isStopWanted !== true || this.#nextQueued() !== undefined)
    );
  }

  /** Whether the first words of the answer that is due have come. */
  get hasWords() {
    return this.#current?.isStopWanted === false && this.#current.answer !== "";
  }

  /** Why the current message waits to be sent again, a cause of reconnect.js, or that the server does not
   * answer; null if it does not wait. */
  get waitingFor() {
    return this.#waitingFor;
  }

  /** Messages that the server may not have. @returns {TypedMessage[]} */
  get unsent() {
    return this.#messages.filter(isUnsent).map(({ itemId, text }) => ({ itemId, text }));
  }

  /** @returns {ShownLine[]} What is not in the transcript yet; failed messages come last. */
  lines() {
    const failed = this.#messages.filter(({ state }) => state === "failed");
    const others = this.#messages.filter(({ state }) => state !== "failed");
    return [...others, ...failed].flatMap((message) => linesOf(message, this.#parts.explain));
  }

  /** Send a message. The answer before it is stopped. @param {string} text @param {string} [itemId] */
  send(text, itemId = this.#parts.newId()) {
    this.stop();
    this.#queue(text, itemId);
  }

  /** Send a failed message again, with its id, after what is being answered. @param {string} itemId */
  retry(itemId) {
    const text = this.takeFailed(itemId);
    if (text !== null) this.#queue(text, itemId);
  }

  /** Send all failed messages again. */
  retryAll() {
    for (const { itemId } of this.#messages.filter(({ state }) => state === "failed")) {
      this.retry(itemId);
    }
  }

  /** Remove a failed message, to be sent in another way. @param {string} itemId @returns {string | null} Its text. */
  takeFailed(itemId) {
    const message = this.#messages.find((one) => one.itemId === itemId && one.state === "failed");
    if (!message) return null;
    this.#remove(itemId);
    this.#delegate.changed();
    return message.text;
  }

  /** Stop the answer; what came of it stays. Harmless when there is none. */
  stop() {
    const message = this.#current;
    if (!message || message.isStopWanted) return;
    message.isStopWanted = true;
    this.#delegate.changed();
    // The server answers 404 for a message that it does not have yet: it is asked when it has it. The request
    // is not aborted instead, since the message would be lost.
    if (!isUnsent(message)) void this.#stop(message);
  }

  /** Stop the answer and wait until no message is queued or being answered. A message that waits for the
   * network has failed. */
  async finish() {
    this.stop();
    this.#isFinishing = true;
    this.#pause?.abort();
    await this.#running;
    this.#isFinishing = false;
  }

  /** The conversation was left: abort everything and call the delegate no more. */
  close() {
    this.#isClosed = true;
    clearTimeout(this.#stopTimer);
    this.#request.abort();
    this.#pause?.abort();
    this.#closing.abort();
  }

  /** @param {string} text @param {string} itemId */
  #queue(text, itemId) {
    this.#messages.push(queuedMessage(itemId, text));
    if (!this.#current && !this.#isClosed) this.#running = this.#answerQueued();
    this.#delegate.changed();
  }

  async #answerQueued() {
    for (let next = this.#nextQueued(); next; next = this.#nextQueued()) {
      this.#current = next;
      await this.#answer(next);
      if (this.#isClosed) return;
      clearTimeout(this.#stopTimer);
      this.#current = null;
      this.#waitingFor = null;
      this.#delegate.changed();
    }
  }

  #nextQueued() {
    return this.#messages.find(({ state }) => state === "queued");
  }

  /** @param {Message} message */
  async #answer(message) {
    message.state = "sending";
    this.#request = new AbortController();
    try {
      const turn = await this.#sendPatiently(message);
      if (this.#isClosed) return;
      this.#remove(message.itemId);
      this.#delegate.answered([turnOf(message), turn]);
    } catch (error) {
      if (!this.#isClosed) this.#failed(message, /** @type {ApiError} */ (error));
    }
  }

  /** @param {Message} message @param {ApiError} error */
  #failed(message, error) {
    // The request was aborted because the stop was not confirmed, or the stream ended with the stop.
    if (message.isStopWanted && message.state === "answering") {
      this.#remove(message.itemId);
      return this.#delegate.lost();
    }
    message.state = "failed";
    message.error = error;
    message.isStopWanted = false;
    this.#delegate.failed(error);
  }

  /**
   * Send a message until the server has it and its answer is there, with the same id each time.
   *
   * @param {Message} message
   * @returns {Promise<KeptTurn>}
   */
  async #sendPatiently(message) {
    for (let failures = NO_FAILURES; ; ) {
      try {
        return await this.#sendOnce(message);
      } catch (thrown) {
        const error = /** @type {ApiError} */ (thrown);
        const next = afterFailure(error, failures, !this.#isOnline(), this.#parts.random);
        if (!next || !this.#isWanted(message)) throw error;
        const isBackOnline = await this.#wait(next.delayMs, next.cause);
        if (!this.#isWanted(message)) throw error;
        if (isBackOnline) this.#waitFor(null);
        failures = isBackOnline ? { ...NO_FAILURES, attempts: 1 } : next.failures;
      }
    }
  }

  /** @param {Message} message @returns {Promise<KeptTurn>} */
  async #sendOnce(message) {
    const { client, sessionId } = this.#parts;
    // Of a message that is sent again, the cause of before is shown until it is accepted.
    const slow = setTimeout(() => this.#waitFor(this.#waitingFor ?? UNANSWERED), SLOW_MS);
    const delegate = {
      accepted: () => {
        clearTimeout(slow);
        this.#waitFor(null);
        this.#accepted(message);
      },
      text: (/** @type {string} */ delta) => this.#received(message, delta),
    };
    try {
      return await client.send(await sessionId(), message, delegate, this.#request.signal);
    } finally {
      clearTimeout(slow);
    }
  }

  /** @param {string | null} cause Why the current message waits; null if it does not. */
  #waitFor(cause) {
    if (this.#waitingFor === cause || this.#isClosed) return;
    this.#waitingFor = cause;
    this.#delegate.changed();
  }

  /** Whether a message is to be sent again: not if its answer was stopped. @param {Message} message */
  #isWanted({ isStopWanted, state }) {
    return !this.#isClosed && !this.#isFinishing && !(isStopWanted && state === "answering");
  }

  /**
   * Wait, until the network is back at most.
   *
   * @param {number} ms
   * @param {string | null} cause
   * @returns {Promise<boolean>} Whether the network came back.
   */
  async #wait(ms, cause) {
    const pause = new AbortController();
    this.#pause = pause;
    this.#waitingFor = cause;
    this.#delegate.changed();
    const isBackOnline = await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      this.#network.addEventListener("online", () => resolve(true), { signal: pause.signal });
      pause.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve(false);
      });
    });
    pause.abort();
    this.#pause = null;
    return isBackOnline;
  }

  /** The network is back: report what had been given up for it. */
  #reportUndelivered() {
    for (const { itemId, error } of this.#messages.filter(({ state }) => state === "failed")) {
      if (error && isAway(error)) this.#delegate.deliverable(itemId);
    }
  }

  /** @param {Message} message */
  #accepted(message) {
    if (this.#isClosed) return;
    message.state = "answering";
    // What came of an earlier attempt comes again, or comes otherwise.
    message.answer = "";
    if (message.isStopWanted) void this.#stop(message);
    this.#delegate.accepted();
    this.#delegate.changed();
  }

  /** @param {Message} message @param {string} delta */
  #received(message, delta) {
    // Words that come after the user has stopped the answer are not shown.
    if (this.#isClosed || message.isStopWanted) return;
    message.answer += delta;
    this.#delegate.changed();
  }

  /** @param {Message} message One that the server has. */
  async #stop(message) {
    clearTimeout(this.#stopTimer);
    const abort = () => {
      if (this.#current !== message) return;
      this.#request.abort();
      this.#pause?.abort();
    };
    this.#stopTimer = setTimeout(abort, STOP_TIMEOUT_MS);
    try {
      await this.#parts.client.stop(await this.#parts.sessionId(), message.itemId);
    } catch {
      abort();
    }
  }

  /** @param {string} itemId @returns {Message | undefined} */
  #remove(itemId) {
    const index = this.#messages.findIndex((message) => message.itemId === itemId);
    return index < 0 ? undefined : this.#messages.splice(index, 1)[0];
  }
}
