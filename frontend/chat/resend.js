/** Whether a typed message that failed is sent again by itself, and when. Pure. */

import { delayMs, MAX_ATTEMPTS } from "../call/reconnect.js";

/** @import { ApiError } from "../api.js" */

/**
 * @typedef {{ busy: number, attempts: number, uncounted: number }} Failures Of one message so far: refused
 *   by a busy server, not answered at all, and not answered while the browser was offline.
 * @typedef {{ failures: Failures, delayMs: number, cause: string | null }} Resending `cause` is that of
 *   reconnect.js, or null when the server is only busy.
 */

/** @type {Readonly<Failures>} */
export const NO_FAILURES = Object.freeze({ busy: 0, attempts: 0, uncounted: 0 });

/** The server is still ending the call or the answer before: it takes the message in a moment. */
const BUSY = new Set(["call_live", "reply_running"]);
/** Pauses before each further attempt while the server is busy. */
export const BUSY_PAUSES_MS = Object.freeze([200, 400, 800, 1600, 3000]);
/** Further pauses of the last length after an outage: the answer to this very message may go on, or its
 * server has died, which the others know 15 s later. */
const PAUSES_AFTER_OUTAGE = 12;

/** HTTP status codes of a proxy whose server is away; 503 is also that of a server that is overloaded. */
const AWAY = new Set([502, 503, 504]);
/** Error codes of such an answer: a proxy's own page has none, which is read as `internal`. */
const AWAY_CODES = new Set(["unavailable", "internal"]);

/** Whether the server is not there, so that it may not have the message. @param {ApiError} error */
export const isAway = ({ code, status }) =>
  code === "no_network" || (AWAY.has(status) && AWAY_CODES.has(code));

/**
 * @param {ApiError} error
 * @param {Failures} failures Before this one.
 * @param {boolean} isOffline Whether the browser has no network: such failures are not counted.
 * @param {() => number} [random] Uniform in 0..1.
 * @returns {Resending | null} Null if the message has failed.
 */
export function afterFailure(error, failures, isOffline, random = Math.random) {
  const { busy, attempts, uncounted } = failures;
  if (BUSY.has(error.code)) {
    const longest = BUSY_PAUSES_MS.length + (attempts + uncounted > 0 ? PAUSES_AFTER_OUTAGE : 0);
    if (busy >= longest) return null;
    const pause = BUSY_PAUSES_MS[Math.min(busy, BUSY_PAUSES_MS.length - 1)] ?? 0;
    return { failures: { ...failures, busy: busy + 1 }, delayMs: pause, cause: null };
  }
  if (!isAway(error)) return null;
  const wait = delayMs(attempts + uncounted, random);
  if (isOffline) {
    const counted = { ...failures, uncounted: uncounted + 1 };
    return { failures: counted, delayMs: wait, cause: "offline" };
  }
  if (attempts >= MAX_ATTEMPTS) return null;
  const cause = error.code === "no_network" ? "no_network" : "internal";
  return { failures: { ...failures, attempts: attempts + 1 }, delayMs: wait, cause };
}
