/** The WebSocket of one session: opened with a ticket, reopened when it breaks, and closed for good. */

import { ApiError } from "../api.js";
import { Heartbeat } from "./heartbeat.js";
import { afterClose, attemptsThatCount } from "./reconnect.js";

/** @import { Ticket } from "../api.js" */
/** @import { Farewell } from "./reconnect.js" */
/** @import { ServerEvent, Frame } from "./turn-taking.js" */

/** The relay answers within 8 s or says why not; a line that says nothing for longer is dead. */
const OPENING_MS = 15_000;

/** Answered by the relay itself, and does not keep an idle call alive. */
const QUESTION = Object.freeze({ type: "relay.ping", event_id: "page_ping" });

/**
 * Why a ticket was not given.
 * @type {Readonly<Record<number, string>>}
 */
const WHY_BY_STATUS = Object.freeze({
  401: "unauthenticated",
  403: "forbidden",
  404: "forbidden",
  409: "session_closed",
  429: "rate_limit",
});

/**
 * @typedef {{
 *   takeTicket: () => Promise<Ticket>,
 *   urlOf: () => Promise<string>,
 *   onEvent: (event: ServerEvent) => void,
 *   onComingBack: (attempt: number) => void,
 *   onEnded: (why: string, sentence: string) => void,
 * }} ConnectionOptions
 */

/** Keeps one session connected. */
export class Connection {
  #options;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempts = 0;
  #isWanted = false;
  #wasReady = false;
  #generation = 0;
  /** @type {Farewell & { message: string } | null} */
  #farewell = null;
  #timer = 0;
  #readyAtMs = 0;
  #isWatched = false;
  #heartbeat = new Heartbeat({
    ask: () => this.send(QUESTION),
    giveUp: () => this.drop({ isDumb: true }),
  });
  #onOnline = () => this.#comeBackNow();
  /** The browser knows it long before the line breaks. */
  #onOffline = () => this.drop();

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** Bytes that the browser has taken and not sent yet. */
  get unsentBytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Whether the call stands: the server said `relay.ready`. */
  get isReady() {
    return this.#wasReady && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Opens the line, and keeps it open until `close()` or a final end. */
  open() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#attempts = 0;
    globalThis.addEventListener("online", this.#onOnline);
    globalThis.addEventListener("offline", this.#onOffline);
    this.#dial();
  }

  /** @param {Frame} frame */
  send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /**
   * While watched, a line that has gone dumb is dropped within 20 s, though nothing is due.
   * @param {boolean} isWatched
   */
  watch(isWatched) {
    this.#isWatched = isWatched;
    if (isWatched && this.isReady) this.#heartbeat.start();
    else this.#heartbeat.stop();
  }

  /** Hangs up. Harmless when closed. */
  close() {
    this.#stop();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  /**
   * The line is dead, though it looks open: dropped, and opened anew like any that is lost.
   * @param {{ isDumb?: boolean }} [how] `isDumb` when it said nothing where it should have.
   */
  drop({ isDumb = false } = {}) {
    const socket = this.#socket;
    if (!socket) return;
    this.#generation += 1;
    this.#lost(0, isDumb);
    socket.close();
  }

  #stop() {
    this.#isWanted = false;
    this.#wasReady = false;
    this.#generation += 1;
    clearTimeout(this.#timer);
    this.#heartbeat.stop();
    globalThis.removeEventListener("online", this.#onOnline);
    globalThis.removeEventListener("offline", this.#onOffline);
  }

  async #dial() {
    const generation = ++this.#generation;
    this.#farewell = null;
    this.#wasReady = false;
    try {
      const { ticket } = await this.#options.takeTicket();
      const url = await this.#options.urlOf();
      if (generation === this.#generation) this.#listen(url, ticket, generation);
    } catch (error) {
      if (generation === this.#generation) this.#ticketRefused(error);
    }
  }

  /** @param {unknown} error */
  #ticketRefused(error) {
    const refusal = error instanceof ApiError ? error : new ApiError("internal", 0, "");
    const why = WHY_BY_STATUS[refusal.status];
    const reason = why ?? (refusal.status === 0 ? "no_network" : "internal");
    this.#farewell = { reason, retryable: why === undefined, message: refusal.sentence };
    this.#lost(0);
  }

  /** @param {string} url @param {string} ticket @param {number} generation */
  #listen(url, ticket, generation) {
    const socket = new WebSocket(url, ["realtime", `relay.ticket.${ticket}`]);
    this.#socket = socket;
    const isCurrent = () => generation === this.#generation;
    this.#timer = setTimeout(() => socket.close(), OPENING_MS);
    socket.addEventListener("message", ({ data }) => isCurrent() && this.#hear(data));
    socket.addEventListener("close", ({ code }) => isCurrent() && this.#lost(code));
  }

  /** @param {unknown} text */
  #hear(text) {
    this.#heartbeat.felt();
    const event = eventFrom(text);
    if (!event || event.event_id === QUESTION.event_id) return;
    if (event.type === "relay.closing") {
      this.#farewell = {
        reason: String(event.reason),
        retryable: event.retryable === true,
        message: String(event.message ?? ""),
      };
    }
    if (event.type === "relay.ready") this.#becameReady();
    this.#options.onEvent(event);
  }

  #becameReady() {
    this.#wasReady = true;
    clearTimeout(this.#timer);
    this.#readyAtMs = performance.now();
    if (this.#isWatched) this.#heartbeat.start();
  }

  /** @param {number} closeCode @param {boolean} [isDumb] */
  #lost(closeCode, isDumb = false) {
    clearTimeout(this.#timer);
    this.#heartbeat.stop();
    this.#socket = null;
    if (this.#wasReady) {
      const stoodMs = performance.now() - this.#readyAtMs;
      this.#attempts = attemptsThatCount(this.#attempts, stoodMs, isDumb);
    }
    this.#wasReady = false;
    const verdict = afterClose(this.#farewell, closeCode, this.#attempts);
    if (verdict.kind === "end") {
      const sentence = this.#farewell?.message ?? "";
      this.#stop();
      this.#options.onEnded(verdict.why, sentence);
      return;
    }
    this.#attempts = verdict.attempt;
    this.#options.onComingBack(verdict.attempt);
    this.#timer = setTimeout(() => this.#dial(), verdict.delayMs);
  }

  /** The browser is online again: no need to wait for the rest of the delay. */
  #comeBackNow() {
    if (this.#socket || !this.#isWanted) return;
    clearTimeout(this.#timer);
    this.#dial();
  }
}

/**
 * @param {unknown} text
 * @returns {ServerEvent | null} Null for what is not an event.
 */
function eventFrom(text) {
  try {
    const event = JSON.parse(String(text));
    return typeof event?.type === "string" ? event : null;
  } catch {
    return null;
  }
}
