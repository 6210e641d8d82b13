/**
 * Finds out which fault of a proxy keeps WebSockets from opening while HTTP works. Browsers hide the
 * answer to a failed handshake, so the same path is asked once over HTTP, and once by a WebSocket
 * without subprotocols.
 */

import { ApiError } from "../api.js";

/**
 * `origin_foreign`: the `Host` that reaches the server is not that of the page's address; `detail` has
 * both. `upgrade_missing`: the upgrade does not reach the server. `subprotocol_missing`: a WebSocket
 * opens only without the subprotocols, which carry the ticket.
 *
 * @typedef {{
 *   reason: "origin_foreign" | "upgrade_missing" | "subprotocol_missing",
 *   detail?: Record<string, string>,
 * }} ProxyFault
 */

/** How long a WebSocket may take to open. */
const OPENING_TIMEOUT_MS = 5000;

/**
 * The fault, from the answer to a request at the WebSocket's path. Pure.
 *
 * @param {unknown} answer The error that the request ended with; null if it succeeded.
 * @param {boolean} opensBare Whether a WebSocket without subprotocols opens.
 * @returns {ProxyFault | null} Null if the server's answer was none of ours: it is away, or busy.
 */
export function proxyFault(answer, opensBare) {
  if (!(answer instanceof ApiError)) return null;
  if (answer.code === "origin_foreign") {
    return { reason: "origin_foreign", detail: valuesOf(answer.detail) };
  }
  // Every request that is no upgrade is answered so; a proxy that is right passes the upgrade on.
  if (answer.code !== "upgrade_missing") return null;
  return { reason: opensBare ? "subprotocol_missing" : "upgrade_missing" };
}

/**
 * Ask, and decide. The WebSocket is tried only if the answer to the request leaves it open.
 *
 * @param {() => Promise<unknown>} ask Sends a request to the WebSocket's path.
 * @param {() => Promise<boolean>} opensBare
 * @returns {Promise<ProxyFault | null>}
 */
export async function checkProxy(ask, opensBare) {
  const answer = await ask().then(
    () => null,
    (error) => error,
  );
  const fault = proxyFault(answer, false);
  return fault?.reason === "upgrade_missing" ? proxyFault(answer, await opensBare()) : fault;
}

/**
 * Whether a WebSocket without subprotocols opens; it is closed at once.
 *
 * @param {string} url
 * @param {(url: string) => WebSocket} [openSocket]
 * @returns {Promise<boolean>}
 */
export function opensWithoutSubprotocols(url, openSocket = (of) => new WebSocket(of)) {
  return new Promise((resolve) => {
    const socket = openSocket(url);
    const timer = setTimeout(() => settle(false), OPENING_TIMEOUT_MS);
    const settle = (/** @type {boolean} */ hasOpened) => {
      clearTimeout(timer);
      resolve(hasOpened);
      socket.close();
    };
    socket.addEventListener("open", () => settle(true), { once: true });
    socket.addEventListener("close", () => settle(false), { once: true });
  });
}

/** The texts of an error's detail, by name. @param {unknown} detail @returns {Record<string, string>} */
function valuesOf(detail) {
  const values = typeof detail === "object" && detail !== null ? Object.entries(detail) : [];
  return Object.fromEntries(values.map(([name, value]) => [name, String(value)]));
}
