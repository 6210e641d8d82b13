/** The page that sent a user to the sign-in, to which they return. Pure. */

import { sessionHash } from "./address.js";

/** @type {Readonly<Record<string, string>>} The paths by the value of `?back=`. No other address is opened: a
 * link to the sign-in must not lead to a stranger's page. */
const PATHS = Object.freeze({ "openai-realtime": "/openai-realtime" });

/**
 * @param {string} search Of the page's address.
 * @param {string | null} [sessionId] The session that the address names.
 * @returns {string | null} Null if the user stays here.
 */
export function returnPath(search, sessionId = null) {
  const name = new URLSearchParams(search).get("back") ?? "";
  return Object.hasOwn(PATHS, name) ? `${PATHS[name]}${sessionHash(sessionId)}` : null;
}

/**
 * The address of the sign-in, which leads back to the page of this name, with its session.
 *
 * @param {string} name
 * @param {string | null} sessionId
 */
export function signInAddress(name, sessionId) {
  return `/?back=${name}${sessionHash(sessionId)}`;
}
