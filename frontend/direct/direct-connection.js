/**
 * A WebSocket from the browser straight to the provider, opened with an ephemeral key. RealtimeClient uses
 * it in place of `Connection`, which goes through our server; the relay's own events are made here.
 */

import { ApiError } from "../api.js";
import { Latest } from "../latest.js";
import { PROVIDER_ERRORS } from "../shared-facts.js";
import { itemFrames } from "./past-items.js";
import { sessionUpdate } from "./session-update.js";

/** @import { ServerEvent, Frame } from "../call/turn-taking.js" */
/** @import { PastLine } from "./past-items.js" */

/** From the request for a key to `session.updated`: our server waits 10 s at most for the key. */
const OPENING_TIMEOUT_MS = 20_000;
/** Milliseconds before each attempt to reconnect; after the last one the call has ended. */
export const RECONNECT_MS = Object.freeze([1000, 2000, 4000]);
/** A connection that was open this long was stable: the attempts are counted from zero again. */
const STABLE_MS = 10_000;

/** `WebSocket.OPEN`, which is the same in every browser. */
const OPEN = 1;

/** The subprotocols of a browser's WebSocket at the provider (docs/protocol.md). */
const SUBPROTOCOL = "realtime";
const KEY_SUBPROTOCOL_PREFIX = "openai-insecure-api-key.";

/** Begins the event ids of what this connection sends by itself; errors about it are not shown. */
const OWN_EVENT_PREFIX = "direct_";
const UPDATE_EVENT_ID = `${OWN_EVENT_PREFIX}update`;

/** Why no key was issued, by HTTP status. Other statuses are worth another attempt.
 * @type {Readonly<Record<number, string>>} */
const REASON_BY_STATUS = Object.freeze({
  400: "bad_choice",
  401: "unauthenticated",
  403: "direct_refused",
  429: "rate_limit",
  503: "no_key",
});

/** Errors of the provider that a correct client meets now and then: they explain nothing that follows. */
const ERRORS_NOT_SHOWN = new Set(PROVIDER_ERRORS.notShown);

/** Error codes, or types, after which another connection would fail in the same way. */
const FATAL_ERRORS = new Set([
  "account_deactivated",
  "beta_api_shape_disabled",
  "billing_hard_limit_reached",
  "credit_balance_exhausted",
  "insufficient_quota",
  "invalid_api_key",
]);
/** Close codes of the provider for a refused key, and for a request that it does not support. */
const FATAL_CLOSE_CODES = new Set([3000, 4000]);

/**
 * @typedef {{
 *   takeKey: () => Promise<string>,
 *   url: () => string,
 *   past: () => ReadonlyArray<PastLine>,
 *   onEvent: (event: ServerEvent) => void,
 *   onReconnecting: (attempt: number, cause: string) => void,
 *   onEnded: (reason: string, message: string) => void,
 *   onProviderError: (message: string) => void,
 *   openSocket?: (url: string, protocols: string[]) => WebSocket,
 *   network?: EventTarget,
 *   now?: () => number,
 * }} DirectConnectionOptions `takeKey` returns a fresh ephemeral key, or throws an ApiError; `past` is the
 *   conversation so far, which a new connection does not know; `onReconnecting` is given the number of
 *   the attempt, from 1; `onEnded` is called once, when no further attempt will be made: `message` is the
 *   server's or the provider's, and may be empty. `now` is in milliseconds.
 */

/** Keeps one conversation connected to the provider. */
export class DirectConnection {
  #options;
  #network;
  #now;
  /** @type {WebSocket | null} */
  #socket = null;
  /** Between open() and close() or the end. */
  #isWanted = false;
  /** @type {"opening" | "configuring" | "ready"} */
  #phase = "opening";
  /** Whether this connection was ready since open(): what was never open is not reconnected. */
  #wasReady = false;
  #attempts = 0;
  #readyAtMs = 0;
  /** The provider's reason for an end that another attempt would not change. @type {string | null} */
  #fatal = null;
  /** The ids of items that were created again: their events say nothing new. @type {Set<string>} */
  #pastItemIds = new Set();
  /** Of several attempts to connect, the latest counts. */
  #attempt = new Latest();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #onOnline = () => this.#reconnectNow();
  /** The browser knows that it is offline long before the connection breaks. */
  #onOffline = () => this.drop();

  /** @param {DirectConnectionOptions} options */
  constructor(options) {
    this.#options = options;
    this.#network = options.network ?? globalThis;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Bytes in the browser's send buffer. */
  get unsentBytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Whether the provider has accepted the session's settings, and the socket is still open. */
  get isReady() {
    return this.#phase === "ready" && this.#socket?.readyState === OPEN;
  }

  /** Connect, and reconnect until `close()` or the end. Harmless when open. */
  open() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#wasReady = false;
    this.#attempts = 0;
    this.#network.addEventListener("online", this.#onOnline);
    this.#network.addEventListener("offline", this.#onOffline);
    void this.#connect();
  }

  /** Send a frame; it is dropped when the socket is not open. @param {Frame} frame */
  send(frame) {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** The provider answers no ping of a page: a connection that died is noticed by what does not come. */
  setHeartbeat() {}

  /** Close the WebSocket and do not reconnect. Harmless when closed. */
  close() {
    this.#stop();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  /** Treat the connection as lost although it looks open, and reconnect. */
  drop() {
    const socket = this.#socket;
    if (!socket) return;
    this.#attempt.cancel();
    socket.close();
    this.#lost("");
  }

  #stop() {
    this.#isWanted = false;
    this.#phase = "opening";
    this.#attempt.cancel();
    clearTimeout(this.#timer);
    this.#network.removeEventListener("online", this.#onOnline);
    this.#network.removeEventListener("offline", this.#onOffline);
  }

  async #connect() {
    const signal = this.#attempt.next();
    this.#phase = "opening";
    this.#fatal = null;
    this.#timer = setTimeout(() => this.#gaveUp(), OPENING_TIMEOUT_MS);
    try {
      const key = await this.#options.takeKey();
      if (!signal.aborted) this.#openSocket(key, signal);
    } catch (error) {
      if (!signal.aborted) this.#keyRefused(error);
    }
  }

  #gaveUp() {
    this.#attempt.cancel();
    this.#socket?.close();
    this.#lost("");
  }

  /** @param {unknown} error */
  #keyRefused(error) {
    const { status, sentence } =
      error instanceof ApiError ? error : new ApiError("internal", 0, "");
    const reason = REASON_BY_STATUS[status];
    if (reason) this.#end(reason, sentence);
    else this.#lost(sentence, status === 0 ? "cannot_connect" : "key_refused");
  }

  /** @param {string} key @param {AbortSignal} signal */
  #openSocket(key, signal) {
    const open = this.#options.openSocket ?? ((...of) => new WebSocket(...of));
    const socket = open(this.#options.url(), [SUBPROTOCOL, KEY_SUBPROTOCOL_PREFIX + key]);
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(data), { signal });
    socket.addEventListener("close", ({ code }) => this.#closed(code), { signal });
  }

  /** @param {number} code */
  #closed(code) {
    if (this.#fatal !== null || FATAL_CLOSE_CODES.has(code)) {
      return this.#end("provider_refused", this.#fatal ?? "");
    }
    this.#lost("");
  }

  /** @param {unknown} text */
  #receive(text) {
    const event = eventFrom(text);
    if (!event) return;
    if (event.type === "error") return this.#receiveError(event);
    if (this.#phase === "opening" && event.type === "session.created") {
      this.#phase = "configuring";
      this.send(sessionUpdate(event.session, UPDATE_EVENT_ID));
    }
    if (this.#phase === "configuring" && event.type === "session.updated") this.#becomeReady();
    else if (!this.#isEcho(event)) this.#options.onEvent(event);
  }

  /** @param {ServerEvent} event */
  #receiveError(event) {
    const { code, type, message, event_id: eventId } = event.error ?? {};
    if (FATAL_ERRORS.has(code) || FATAL_ERRORS.has(type)) this.#fatal = String(message ?? "");
    // Without its settings, the session would answer in another way than the page expects.
    if (eventId === UPDATE_EVENT_ID) return this.#end("provider_refused", String(message ?? ""));
    if (String(eventId ?? "").startsWith(OWN_EVENT_PREFIX)) return;
    // The provider says it before it closes a connection that has reached its time limit.
    if (code === "session_expired") return;
    if (!ERRORS_NOT_SHOWN.has(code)) this.#options.onProviderError(String(message ?? ""));
    if (this.#phase === "ready") this.#options.onEvent(event);
  }

  #becomeReady() {
    clearTimeout(this.#timer);
    const frames = itemFrames(this.#options.past(), OWN_EVENT_PREFIX);
    this.#pastItemIds = new Set(frames.map(({ item }) => item.id));
    for (const frame of frames) this.send(frame);
    this.#phase = "ready";
    this.#wasReady = true;
    this.#readyAtMs = this.#now();
    this.#options.onEvent({ type: "relay.ready" });
  }

  /** Whether an event only confirms an item of the past. @param {ServerEvent} event */
  #isEcho({ type, item }) {
    return type.startsWith("conversation.item.") && this.#pastItemIds.has(item?.id);
  }

  /**
   * Reconnect after a delay, or end.
   *
   * @param {string} message
   * @param {string} [reason] Of the end, if this connection was never ready.
   */
  #lost(message, reason = "cannot_connect") {
    clearTimeout(this.#timer);
    this.#socket = null;
    if (this.#phase === "ready" && this.#now() - this.#readyAtMs >= STABLE_MS) this.#attempts = 0;
    this.#phase = "opening";
    if (!this.#wasReady) return this.#end(reason, message);
    const delayMs = RECONNECT_MS[this.#attempts];
    if (delayMs === undefined) return this.#end("connection_lost", message);
    this.#attempts += 1;
    this.#options.onReconnecting(this.#attempts, "no_network");
    this.#timer = setTimeout(() => void this.#connect(), delayMs);
  }

  /** @param {string} reason @param {string} message */
  #end(reason, message) {
    const socket = this.#socket;
    this.#socket = null;
    this.#stop();
    socket?.close(1000);
    this.#options.onEnded(reason, message);
  }

  /** The browser is online again: skip the rest of the delay, and count from zero. */
  #reconnectNow() {
    if (this.#socket || !this.#isWanted || this.#attempts === 0) return;
    this.#attempts = 0;
    clearTimeout(this.#timer);
    void this.#connect();
  }
}

/**
 * @param {unknown} text
 * @returns {ServerEvent | null} Null when the text is not a JSON object with a `type`.
 */
function eventFrom(text) {
  try {
    const event = JSON.parse(String(text));
    return typeof event?.type === "string" ? event : null;
  } catch {
    return null;
  }
}
