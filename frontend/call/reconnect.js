/** What follows when a connection is lost: reconnect after a backoff, or end the call. Pure. */

import { ENDINGS } from "../shared-facts.js";

/** Automatic attempts to reconnect before the user is asked. */
export const MAX_ATTEMPTS = 3;

/**
 * @typedef {{ reason: string, retryable: boolean }} Closing The server's `relay.closing` event.
 * @typedef {{ kind: "retry", attempt: number, delayMs: number } | { kind: "end", reason: string }} Decision
 */

/** Milliseconds before the first, second and third attempt. */
export const BACKOFF_MS = Object.freeze([1000, 2000, 4000]);

/** A call that was open this long was stable: the attempts are counted from zero again. */
const STABLE_MS = 10_000;
/** A call that ended by a heartbeat timeout was dead for up to 20 s before that was noticed. */
const STABLE_BEFORE_TIMEOUT_MS = 60_000;

/**
 * How many earlier attempts count when a connection is lost: none if the call was open long enough.
 *
 * @param {number} attempts Made before the call was opened.
 * @param {number} openMs How long the call was open.
 * @param {boolean} hasTimedOut Whether it was given up because nothing was received any more.
 */
export function attemptsThatCount(attempts, openMs, hasTimedOut) {
  return openMs >= (hasTimedOut ? STABLE_BEFORE_TIMEOUT_MS : STABLE_MS) ? 0 : attempts;
}

/** The ending to assume where several final endings share a close code. */
const MOST_LIKELY = Object.freeze({ 1000: "completed", 4401: "unauthenticated" });

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

/**
 * @param {Closing | null} closing The server's `relay.closing`, if it came.
 * @param {number} closeCode The WebSocket's close code; 1006 when the connection just broke.
 * @param {number} attempts Attempts made since the call was last stable.
 * @returns {Decision}
 */
export function afterClose(closing, closeCode, attempts) {
  if (closing && !closing.retryable) return { kind: "end", reason: closing.reason };
  const final = FINAL_CLOSE_CODES.get(closeCode);
  if (!closing && final) return { kind: "end", reason: final };
  const delayMs = BACKOFF_MS[attempts];
  if (attempts >= MAX_ATTEMPTS || delayMs === undefined) {
    return { kind: "end", reason: closing?.reason ?? "no_network" };
  }
  return { kind: "retry", attempt: attempts + 1, delayMs };
}
