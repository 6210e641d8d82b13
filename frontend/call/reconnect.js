/**
 * What follows when a connection is lost: another attempt after a backoff, or the end of the call. Pure.
 *
 * While the browser is offline, attempts go on, because a server on this machine is reached without a
 * network, but they are not counted. A laptop that sleeps makes none.
 */

import { ENDINGS } from "../shared-facts.js";

/** Milliseconds before the first attempts; the last one is the delay before each further attempt. */
export const BACKOFF_MS = Object.freeze([1000, 2000, 4000, 7000]);
/** A delay is up to this part shorter or longer, so that the pages of a server that restarts do not all
 * come back in the same moment. */
export const JITTER = 0.25;
/** Counted attempts before the user is asked: 133 s on average, so that a server that is back within two
 * minutes is found, whatever the jitter. */
export const MAX_ATTEMPTS = 21;
/** A server that asks for more patience than this is tried earlier. */
const LONGEST_DELAY_MS = 60_000;

/** The microphone is released after this much waiting: nobody hears it, and only the last 6 s would be
 * sent. */
export const MICROPHONE_KEPT_MS = 30_000;

/**
 * @typedef {{ reason: string, retryable: boolean, retryAfterMs?: number }} Closing The server's
 *   `relay.closing` event, or a refused ticket.
 * @typedef {{
 *   closing: Closing | null, closeCode: number, isDraining: boolean, isOffline: boolean,
 * }} Loss `closeCode` is the WebSocket's, 1006 when the connection just broke; `isDraining` whether the
 *   server has announced its restart; `isOffline` whether the browser has no network.
 * @typedef {{ attempts: number, uncounted: number, cause: string }} Outage The attempts since the call was
 *   last stable, and why it was lost: `offline`, `no_network`, or an ending of shared-facts.js.
 * @typedef {{ kind: "retry", outage: Outage, delayMs: number } | { kind: "end", reason: string }} Decision
 */

/** @type {Readonly<Outage>} */
export const NO_OUTAGE = Object.freeze({ attempts: 0, uncounted: 0, cause: "" });

/** A call that was open this long was stable: the attempts are counted from zero again. */
const STABLE_MS = 10_000;
/** A call that ended by a heartbeat timeout was dead for up to 20 s before that was noticed. */
const STABLE_BEFORE_TIMEOUT_MS = 60_000;

/**
 * How much of an earlier outage counts when a call that was open is lost: nothing if it was open long
 * enough. The earlier cause is over in any case.
 *
 * @param {Outage} outage Before the call was opened.
 * @param {number} openMs How long the call was open.
 * @param {boolean} hasTimedOut Whether it was given up because nothing was received any more.
 * @returns {Outage}
 */
export function outageThatCounts(outage, openMs, hasTimedOut) {
  const isStable = openMs >= (hasTimedOut ? STABLE_BEFORE_TIMEOUT_MS : STABLE_MS);
  return isStable ? NO_OUTAGE : { ...outage, cause: "" };
}

/** The ending to assume where several final endings share a close code. */
const MOST_LIKELY = Object.freeze({
  1000: "completed",
  4401: "unauthenticated",
  4429: "rate_limit",
});

/** Close codes after which no attempt is made although `relay.closing` was lost: all endings of the
 * code are final. */
const FINAL_CLOSE_CODES = finalCloseCodes();

function finalCloseCodes() {
  const endings = Object.entries(ENDINGS);
  /** @type {Map<number | null, string>} */
  const final = new Map();
  for (const [ending, { closeCode }] of endings) {
    const sameCode = endings.filter(([, other]) => other.closeCode === closeCode);
    if (sameCode.every(([, { retryable }]) => !retryable)) final.set(closeCode, ending);
  }
  for (const [code, ending] of Object.entries(MOST_LIKELY)) final.set(Number(code), ending);
  return final;
}

/** Close codes of a server or a proxy that goes away: "going away" and "service restart". */
const RESTART_CODES = new Set([1001, 1012]);
/** A server that is stopped by Daphne closes with 1000, since Daphne sends no 1012. */
const DAPHNES_CLOSE_CODE = 1000;
/** Reasons that say no more than that there was no answer, or none of ours: a restart looks like this. */
const NO_ANSWER = new Set(["no_network", "internal"]);

/**
 * @param {Loss} loss
 * @param {Outage} outage
 * @param {() => number} [random] Uniform in 0..1.
 * @returns {Decision}
 */
export function afterLoss(loss, outage, random = Math.random) {
  const { closing, isOffline } = loss;
  const final = finalReason(loss);
  if (final) return { kind: "end", reason: final };
  const cause = causeOf(loss, outage.cause);
  if (!isOffline && outage.attempts >= MAX_ATTEMPTS) return { kind: "end", reason: cause };
  const wait = delayMs(outage.attempts + outage.uncounted, random);
  const asked = Math.min(closing?.retryAfterMs ?? 0, LONGEST_DELAY_MS);
  return {
    kind: "retry",
    outage: {
      attempts: outage.attempts + (isOffline ? 0 : 1),
      uncounted: outage.uncounted + (isOffline ? 1 : 0),
      cause,
    },
    delayMs: Math.max(wait, asked),
  };
}

/**
 * Milliseconds before the next attempt.
 *
 * @param {number} attempts Made so far, counted or not.
 * @param {() => number} [random] Uniform in 0..1.
 */
export function delayMs(attempts, random = Math.random) {
  const delay = BACKOFF_MS[Math.min(attempts, BACKOFF_MS.length - 1)] ?? 0;
  return Math.round(delay * (1 - JITTER + 2 * JITTER * random()));
}

/** The ending after which no attempt is made, or null. @param {Loss} loss @returns {string | null} */
function finalReason({ closing, closeCode, isDraining }) {
  if (closing) return closing.retryable ? null : closing.reason;
  if (isDraining && closeCode === DAPHNES_CLOSE_CODE) return null;
  return FINAL_CLOSE_CODES.get(closeCode) ?? null;
}

/** Why the connection is lost. @param {Loss} loss @param {string} before The cause so far. */
function causeOf({ closing, closeCode, isDraining, isOffline }, before) {
  if (isOffline) return "offline";
  if (closing && !NO_ANSWER.has(closing.reason)) return closing.reason;
  // A server that announced its restart is not there for a while; that is no fault of the network.
  const isRestart = isDraining || RESTART_CODES.has(closeCode) || before === "draining";
  return isRestart ? "draining" : (closing?.reason ?? "no_network");
}
