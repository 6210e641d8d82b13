/** What follows when a connection is lost: come back by itself, and when, or end. Pure. */

import { MAX_ATTEMPTS } from "./call-state.js";

/**
 * @typedef {{ reason: string, retryable: boolean }} Farewell The server's `relay.closing`.
 * @typedef {{ kind: "come_back", attempt: number, delayMs: number } | { kind: "end", why: string }} Verdict
 */

/** Milliseconds before the first, second and third attempt. */
export const DELAYS_MS = Object.freeze([1000, 2000, 4000]);

/** A call that stood this long was well; what breaks after it starts to count from one again. */
const STEADY_MS = 10_000;
/** One that has gone dumb looked well for a while before that was noticed. */
const STEADY_BEFORE_DUMB_MS = 60_000;

/**
 * The attempts that still count when a line is lost.
 *
 * @param {number} attempts Made before it stood.
 * @param {number} stoodMs How long it stood.
 * @param {boolean} isDumb It was given up since it said nothing any more.
 */
export function attemptsThatCount(attempts, stoodMs, isDumb) {
  return stoodMs >= (isDumb ? STEADY_BEFORE_DUMB_MS : STEADY_MS) ? 0 : attempts;
}

/** Close codes that never lead back by themselves, for when the farewell was lost. */
const FINAL = Object.freeze({
  1000: "completed",
  4400: "bad_frames",
  4401: "unauthenticated",
  4403: "forbidden",
  4409: "taken_over",
  4410: "time_limit",
  4429: "rate_limit",
});

/**
 * @param {Farewell | null} farewell What the server said last, if it did.
 * @param {number} closeCode The WebSocket's close code; 1006 when the line just broke.
 * @param {number} attempts Attempts made since the call last stood for a while.
 * @returns {Verdict}
 */
export function afterClose(farewell, closeCode, attempts) {
  if (farewell && !farewell.retryable) return { kind: "end", why: farewell.reason };
  const final = /** @type {Record<number, string>} */ (FINAL)[closeCode];
  if (!farewell && final) return { kind: "end", why: final };
  const delayMs = DELAYS_MS[attempts];
  if (attempts >= MAX_ATTEMPTS || delayMs === undefined) {
    return { kind: "end", why: farewell?.reason ?? "no_network" };
  }
  return { kind: "come_back", attempt: attempts + 1, delayMs };
}
