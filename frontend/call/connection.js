/** The WebSocket of one session: opened with a ticket, reopened when it breaks, and closed for good. */

import { ApiError } from "../api.js";
import { Latest } from "../latest.js";
import { LIMITS, WEBSOCKET } from "../shared-facts.js";
import { whenText } from "../when.js";
import { Heartbeat } from "./heartbeat.js";
import { afterLoss, NO_OUTAGE, outageThatCounts } from "./reconnect.js";
import { SESSION_ID_MALFORMED } from "./session-id.js";

/** @import { Ticket } from "../api.js" */
/** @import { ProxyFault } from "./proxy-check.js" */
/** @import { Closing, Loss } from "./reconnect.js" */
/** @import { ServerEvent, Frame } from "./turn-taking.js" */

/** The relay sends `relay.ready` or a reason within 8 s; a connection that sends nothing for longer
 * is dead. */
const OPENING_TIMEOUT_MS = 15_000;

/** `WebSocket.OPEN`, which is the same in every browser. */
const OPEN = 1;

/** A page whose scripts hang is silent, while its browser still answers WebSocket pings. The relay
 * ends a call that is silent for too long; this leaves room for two late pings. */
const KEEP_ALIVE_MS = LIMITS.silentClientMs / 3;

/** While frames pass, the round trip is measured so often; first when the start of the call is over. */
const MEASURE_EVERY_MS = 5_000;
const MEASURE_FIRST_MS = 1_000;

/** Answered by the relay itself; it does not keep an idle call alive. */
const PING = Object.freeze({ type: "relay.ping", event_id: "page_ping" });

/**
 * Why no ticket was issued, by HTTP status. Other statuses are tried again: also 429, the limit of a
 * proxy that all pages meet when a server is back.
 * @type {Readonly<Record<number, string>>}
 */
const REASON_BY_STATUS = Object.freeze({
  401: "unauthenticated",
  403: "forbidden",
  404: "forbidden",
  409: "session_closed",
});
const TOO_MANY_REQUESTS = 429;
/** Why no ticket was asked for. */
const FINAL_CODES = new Set([SESSION_ID_MALFORMED]);

/** Error codes that say why a call is `forbidden`. */
export const REFUSALS = new Set(["calls_not_allowed", "price_unknown"]);

/**
 * @typedef {{
 *   takeTicket: () => Promise<Ticket>,
 *   url: () => Promise<string>,
 *   onEvent: (event: ServerEvent) => void,
 *   onReconnecting: (attempt: number, cause: string) => void,
 *   onEnded: (reason: string, message: string, detail?: Record<string, string>) => void,
 *   onRoundTrip?: (ms: number) => void,
 *   checkProxy?: () => Promise<ProxyFault | null>,
 *   openSocket?: (url: string, protocols: string[]) => WebSocket,
 *   network?: EventTarget,
 *   isOnline?: () => boolean,
 *   random?: () => number,
 * }} ConnectionOptions `network` fires `online` and `offline`; it is the window in a browser.
 *   `onReconnecting` is given how many attempts were made, and the cause of reconnect.js. `onEnded` is
 *   called once, when no further attempt will be made; `message` is for the user, in their language,
 *   and may be empty; `onRoundTrip` is given the time from a ping to its answer, or how long that is overdue;
 *   `detail.time` is when to try again, if the server has said so. `checkProxy` finds out why no WebSocket opens.
 */

/** The address of a session's WebSocket. @param {string} sessionId @param {string} pageUrl */
export function websocketUrl(sessionId, pageUrl) {
  const path = WEBSOCKET.path.replace("{session_id}", encodeURIComponent(sessionId));
  const url = new URL(path, pageUrl);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Keeps one session connected. */
export class Connection {
  #options;
  #network;
  /** @type {WebSocket | null} */
  #socket = null;
  /** Whether the WebSocket was opened, and whether any call on this connection was ever ready. */
  #wasOpened = false;
  #wasEverReady = false;
  #outage = NO_OUTAGE;
  /** The server has announced its restart on this WebSocket. */
  #isDraining = false;
  /** Between open() and close() or a final ending. */
  #isWanted = false;
  #wasReady = false;
  /** Of several attempts to connect, the answers of the latest count. */
  #attempt = new Latest();
  /** @type {Closing & { message: string, retryAt?: Date | undefined } | null} */
  #closing = null;
  /** Why no call may open, where the server says more than `forbidden`. @type {string | null} */
  #refusal = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setInterval> | undefined} Runs while the socket is open. */
  #keepAlive;
  #readyAtMs = 0;
  #pingedAtMs = 0;
  /** When the ping was sent that has no answer yet; null if there is none, or the call was not ready.
   * @type {number | null} */
  #unansweredAtMs = null;
  #needsHeartbeat = false;
  #heartbeat = new Heartbeat({
    sendPing: () => this.#ping(),
    onTimeout: () => this.drop({ hasTimedOut: true }),
  });
  #onOnline = () => this.#reconnectNow();
  /** The browser knows that it is offline long before the connection breaks. */
  #onOffline = () => this.drop();
  #isOnline;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.#options = options;
    this.#network = options.network ?? globalThis;
    this.#isOnline = options.isOnline ?? (() => globalThis.navigator?.onLine !== false);
  }

  /** Bytes in the browser's send buffer. */
  get unsentBytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Whether the call is open: `relay.ready` was received, and the socket is still open. */
  get isReady() {
    return this.#wasReady && this.#socket?.readyState === OPEN;
  }

  /** Connect, and reconnect until `close()` or a final ending. Harmless when open. */
  open() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#outage = NO_OUTAGE;
    this.#network.addEventListener("online", this.#onOnline);
    this.#network.addEventListener("offline", this.#onOffline);
    this.#connect();
  }

  /** Send a frame; it is dropped when the socket is not open. @param {Frame} frame */
  send(frame) {
    this.#sendNow(frame);
    if (this.isReady && performance.now() - this.#pingedAtMs >= MEASURE_EVERY_MS) this.#ping();
  }

  /** @param {Frame} frame */
  #sendNow(frame) {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #ping() {
    const nowMs = performance.now();
    this.#pingedAtMs = nowMs;
    this.#sendNow(PING);
    if (this.#unansweredAtMs !== null) this.#options.onRoundTrip?.(nowMs - this.#unansweredAtMs);
    // Before the call is ready, the server has more to do than to answer.
    else if (this.#wasReady) this.#unansweredAtMs = nowMs;
  }

  #ponged() {
    const sentAtMs = this.#unansweredAtMs;
    this.#unansweredAtMs = null;
    if (sentAtMs !== null) this.#options.onRoundTrip?.(performance.now() - sentAtMs);
  }

  /**
   * Turn the heartbeat on or off. With it, a dead connection is dropped within 20 s.
   * @param {boolean} needsHeartbeat
   */
  setHeartbeat(needsHeartbeat) {
    this.#needsHeartbeat = needsHeartbeat;
    if (needsHeartbeat && this.isReady) this.#heartbeat.start();
    else this.#heartbeat.stop();
  }

  /** Close the WebSocket and do not reconnect. Harmless when closed. */
  close() {
    this.#stop();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  /**
   * Treat the connection as lost although it looks open, and reconnect.
   * @param {{ hasTimedOut?: boolean }} [cause] `hasTimedOut` when nothing was received although
   *   something was due.
   */
  drop({ hasTimedOut = false } = {}) {
    const socket = this.#socket;
    if (!socket) return;
    this.#attempt.cancel();
    this.#lost(0, hasTimedOut);
    socket.close();
  }

  #stop() {
    this.#isWanted = false;
    this.#wasReady = false;
    this.#attempt.cancel();
    clearTimeout(this.#timer);
    clearInterval(this.#keepAlive);
    this.#heartbeat.stop();
    this.#network.removeEventListener("online", this.#onOnline);
    this.#network.removeEventListener("offline", this.#onOffline);
  }

  async #connect() {
    const signal = this.#attempt.next();
    this.#closing = null;
    this.#refusal = null;
    this.#isDraining = false;
    this.#wasReady = false;
    this.#unansweredAtMs = null;
    try {
      const { ticket } = await this.#options.takeTicket();
      const url = await this.#options.url();
      if (!signal.aborted) this.#openSocket(url, ticket, signal);
    } catch (error) {
      if (!signal.aborted) this.#ticketRefused(error);
    }
  }

  /** @param {unknown} error */
  #ticketRefused(error) {
    this.#closing = closingOf(error instanceof ApiError ? error : new ApiError("internal", 0, ""));
    this.#lost(0);
  }

  /** @param {string} url @param {string} ticket @param {AbortSignal} signal */
  #openSocket(url, ticket, signal) {
    const protocols = [WEBSOCKET.subprotocol, WEBSOCKET.ticketSubprotocolPrefix + ticket];
    const open = this.#options.openSocket ?? ((...of) => new WebSocket(...of));
    const socket = open(url, protocols);
    this.#socket = socket;
    this.#wasOpened = false;
    this.#timer = setTimeout(() => socket.close(), OPENING_TIMEOUT_MS);
    const opened = () => {
      this.#wasOpened = true;
      this.#keepAliveFromNowOn();
    };
    socket.addEventListener("open", opened, { signal });
    socket.addEventListener("message", ({ data }) => this.#receive(data), { signal });
    socket.addEventListener("close", ({ code }) => void this.#closed(code, signal), { signal });
  }

  /**
   * The browser hides why a WebSocket did not open. If none ever did, and a second attempt did not
   * either, a proxy may be the cause: then no attempt would help. One may fail for the network alone.
   *
   * @param {number} code
   * @param {AbortSignal} signal
   */
  async #closed(code, signal) {
    const { checkProxy } = this.#options;
    const isFirst = this.#outage.attempts + this.#outage.uncounted === 0;
    if (!checkProxy || this.#wasOpened || this.#wasEverReady || isFirst) return this.#lost(code);
    clearTimeout(this.#timer);
    const fault = await checkProxy().catch(() => null);
    if (signal.aborted) return;
    if (!fault) return this.#lost(code);
    this.#socket = null;
    this.#stop();
    this.#options.onEnded(fault.reason, "", fault.detail);
  }

  /** At once, since a page may hang before the first interval is over: Firefox did as it opened the
   * microphone. */
  #keepAliveFromNowOn() {
    this.#ping();
    this.#keepAlive = setInterval(() => this.#ping(), KEEP_ALIVE_MS);
  }

  /** @param {unknown} text */
  #receive(text) {
    this.#heartbeat.received();
    this.#wasOpened = true;
    const event = eventFrom(text);
    if (!event) return;
    if (event.event_id === PING.event_id) return this.#ponged();
    if (event.type === "relay.draining") this.#isDraining = true;
    if (event.type === "relay.error" && REFUSALS.has(event.code)) this.#refusal = event.code;
    if (event.type === "relay.closing") this.#closing = closingFrom(event);
    if (event.type === "relay.ready") this.#becameReady();
    this.#options.onEvent(event);
  }

  #becameReady() {
    this.#wasReady = true;
    this.#wasEverReady = true;
    clearTimeout(this.#timer);
    this.#readyAtMs = performance.now();
    this.#pingedAtMs = this.#readyAtMs - MEASURE_EVERY_MS + MEASURE_FIRST_MS;
    this.#unansweredAtMs = null;
    if (this.#needsHeartbeat) this.#heartbeat.start();
  }

  /** Reconnect after a backoff, or end. @param {number} closeCode @param {boolean} [hasTimedOut] */
  #lost(closeCode, hasTimedOut = false) {
    clearTimeout(this.#timer);
    clearInterval(this.#keepAlive);
    this.#heartbeat.stop();
    this.#socket = null;
    if (this.#wasReady) {
      const openMs = performance.now() - this.#readyAtMs;
      this.#outage = outageThatCounts(this.#outage, openMs, hasTimedOut);
    }
    this.#wasReady = false;
    const decision = afterLoss(this.#loss(closeCode), this.#outage, this.#options.random);
    if (decision.kind === "end") {
      this.#stop();
      const { message = "", retryAt } = this.#closing ?? {};
      const detail = retryAt ? { time: whenText(retryAt) } : undefined;
      this.#options.onEnded(this.#refusal ?? decision.reason, message, detail);
      return;
    }
    this.#outage = decision.outage;
    const { attempts, uncounted, cause } = decision.outage;
    this.#options.onReconnecting(attempts + uncounted, cause);
    this.#timer = setTimeout(() => this.#connect(), decision.delayMs);
  }

  /** @param {number} closeCode @returns {Loss} */
  #loss(closeCode) {
    return {
      closing: this.#closing,
      closeCode,
      isDraining: this.#isDraining,
      isOffline: !this.#isOnline(),
    };
  }

  /** The browser is online again: skip the rest of the backoff, and count from zero. */
  #reconnectNow() {
    if (this.#socket || !this.#isWanted) return;
    this.#outage = { ...NO_OUTAGE, cause: this.#outage.cause };
    clearTimeout(this.#timer);
    this.#connect();
  }
}

/**
 * @param {unknown} text
 * @returns {ServerEvent | null} Null when the text is not a JSON object with a `type`.
 */
export function eventFrom(text) {
  try {
    const event = JSON.parse(String(text));
    return typeof event?.type === "string" ? event : null;
  } catch {
    return null;
  }
}

/** @param {ServerEvent} event */
function closingFrom({
  reason,
  retryable,
  message,
  retry_after: retryAfterS,
  resets_at: resetsAt,
}) {
  const retryAfterMs = Number(retryAfterS ?? 0) * 1000 || 0;
  const later = retryAfterMs > 0 ? new Date(Date.now() + retryAfterMs) : undefined;
  return {
    reason: String(reason),
    retryable: retryable === true,
    message: String(message ?? ""),
    retryAfterMs,
    // The time itself, where the server knows it, is not rounded.
    retryAt: resetsAt ? new Date(resetsAt) : later,
  };
}

/**
 * A refused ticket as a closing. Only an answer in our server's shape is final: a proxy whose server is
 * away may answer with any status.
 *
 * @param {ApiError} refusal
 */
export function closingOf({ code, status, sentence }) {
  const finalOfStatus = code === "internal" ? undefined : REASON_BY_STATUS[status];
  const final = FINAL_CODES.has(code) ? code : finalOfStatus;
  const withoutReason = status === 0 ? "no_network" : "internal";
  const reason = status === TOO_MANY_REQUESTS ? "rate_limit" : withoutReason;
  return { reason: final ?? reason, retryable: final === undefined, message: sentence };
}
