/** Sends typed messages over REST and reads the streamed answer: no call, no microphone. */

import { ApiError } from "../api.js";
import { EventStreamParser } from "./event-stream.js";

/** @import { Api } from "../api.js" */
/** @import { KeptTurn } from "../transcript/past.js" */
/** @import { StreamEvent } from "./event-stream.js" */

/**
 * @typedef {{ itemId: string, text: string }} TypedMessage
 * @typedef {{ accepted: () => void, text: (delta: string) => void }} AnswerDelegate `accepted` is called
 *   when the server has taken the message, `text` with each piece of the answer.
 */

/** How long the server may take to accept a message: as long as for any other request. */
export const ACCEPT_TIMEOUT_MS = 15_000;
/** How long it may send nothing at all after that. It gives the model 30 s to begin, and 30 s for each word. */
export const SILENCE_TIMEOUT_MS = 65_000;

/** One user's typed messages; each is sent with an id, so that sending it twice does no harm. */
export class TextClient {
  #api;

  /** @param {Pick<Api, "streamMessage" | "stopMessage">} api */
  constructor(api) {
    this.#api = api;
  }

  /**
   * Send a message and read its answer.
   *
   * @param {string} sessionId
   * @param {TypedMessage} message
   * @param {AnswerDelegate} delegate
   * @param {AbortSignal} signal Aborting it makes the server stop too.
   * @returns {Promise<KeptTurn>} The answer's turn: completed, or interrupted if it was stopped.
   * @throws {ApiError} `no_network` also when the stream ends too early, stalls, or is aborted.
   */
  async send(sessionId, { itemId, text }, delegate, signal) {
    const silence = new SilenceTimer(signal);
    try {
      const body = { id: itemId, text };
      const stream = await this.#api.streamMessage(sessionId, body, silence.signal);
      silence.restart();
      delegate.accepted();
      return await readAnswer(stream, delegate, silence);
    } catch (error) {
      throw error instanceof ApiError ? error : new ApiError("no_network", 0, "");
    } finally {
      silence.end();
    }
  }

  /** Stop the answer to a message; what came of it is kept. @param {string} sessionId @param {string} itemId */
  async stop(sessionId, itemId) {
    await this.#api.stopMessage(sessionId, itemId);
  }
}

/** Aborts a request when nothing has come for too long, or when the given signal is aborted. */
class SilenceTimer {
  #controller = new AbortController();
  #ending = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.signal = this.#controller.signal;
    // `AbortSignal.any` is newer than the browsers that the page supports.
    const abort = () => this.#controller.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { signal: this.#ending.signal });
    this.restart(ACCEPT_TIMEOUT_MS);
  }

  restart(ms = SILENCE_TIMEOUT_MS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), ms);
  }

  end() {
    clearTimeout(this.#timer);
    this.#ending.abort();
  }
}

/**
 * @param {ReadableStream<Uint8Array>} stream
 * @param {AnswerDelegate} delegate
 * @param {SilenceTimer} silence
 * @returns {Promise<KeptTurn>}
 */
async function readAnswer(stream, delegate, silence) {
  const parser = new EventStreamParser();
  const reader = stream.getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      silence.restart();
      for (const event of value ? parser.push(value) : []) {
        const turn = readEvent(event, delegate);
        if (turn) return turn;
      }
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
  throw new ApiError("no_network", 0, "");
}

/**
 * @param {StreamEvent} event
 * @param {AnswerDelegate} delegate
 * @returns {KeptTurn | null} The answer's turn, if this event ends it.
 */
function readEvent({ event, data }, delegate) {
  if (event === "message.completed") return JSON.parse(data);
  if (event === "message.delta") delegate.text(String(JSON.parse(data).text ?? ""));
  if (event === "error") {
    const { code = "internal", message = "", detail } = JSON.parse(data).error ?? {};
    throw new ApiError(code, 200, message, detail);
  }
  return null;
}
