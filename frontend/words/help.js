/**
 * What can go wrong, and the one button that helps. Pure.
 *
 * A row per thing that happened; its sentences are `help.<name>.title` and `help.<name>.text` in the
 * table of words, its button's label is `action.<action>`.
 */

/**
 * @typedef {"ask_microphone" | "type_instead" | "reconnect" | "talk_here" | "sign_in" | "reload"
 *   | "dismiss" | "new_session" | "choose_microphone"} HelpAction
 * @typedef {{ action: HelpAction, tone: "calm" | "warning" }} Help
 */

/** @type {Readonly<Record<string, Help>>} */
export const HELP = Object.freeze({
  microphone_denied: { action: "ask_microphone", tone: "warning" },
  microphone_missing: { action: "ask_microphone", tone: "warning" },
  microphone_busy: { action: "ask_microphone", tone: "warning" },
  microphone_insecure: { action: "type_instead", tone: "warning" },
  microphone_failed: { action: "ask_microphone", tone: "warning" },
  microphone_silent: { action: "choose_microphone", tone: "warning" },
  microphone_stopped: { action: "ask_microphone", tone: "warning" },
  slow_network: { action: "dismiss", tone: "warning" },
  no_network: { action: "reconnect", tone: "warning" },
  answer_failed: { action: "dismiss", tone: "warning" },
  // How a call ended.
  completed: { action: "reconnect", tone: "calm" },
  draining: { action: "reconnect", tone: "calm" },
  bad_frames: { action: "reload", tone: "warning" },
  unauthenticated: { action: "sign_in", tone: "warning" },
  revoked: { action: "sign_in", tone: "warning" },
  forbidden: { action: "new_session", tone: "warning" },
  session_closed: { action: "new_session", tone: "calm" },
  too_slow: { action: "reconnect", tone: "warning" },
  idle: { action: "reconnect", tone: "calm" },
  taken_over: { action: "talk_here", tone: "calm" },
  time_limit: { action: "reconnect", tone: "calm" },
  rate_limit: { action: "reconnect", tone: "warning" },
  internal: { action: "reconnect", tone: "warning" },
  provider_failed: { action: "reconnect", tone: "warning" },
  provider_refused: { action: "reconnect", tone: "warning" },
  provider_unavailable: { action: "reconnect", tone: "warning" },
  provider_timeout: { action: "reconnect", tone: "warning" },
  interrupted: { action: "reconnect", tone: "warning" },
});

/** Troubles that need no card: the page acts by itself, or says it where it happened. */
const SILENT = new Set(["client_left"]);

/**
 * The name of the card for a code, known or not; null where nothing needs to be said.
 *
 * @param {string} code
 * @returns {string | null}
 */
export function cardFor(code) {
  if (SILENT.has(code)) return null;
  return code in HELP ? code : "internal";
}

/**
 * Where a browser hides the microphone's permission: the sentence that names the place.
 *
 * @param {string} userAgent
 * @returns {"ios" | "safari" | "firefox" | "chrome"}
 */
export function permissionPlace(userAgent) {
  if (/iPhone|iPad/.test(userAgent)) return "ios";
  if (/Firefox\//.test(userAgent)) return "firefox";
  return /Chrome\/|Chromium\//.test(userAgent) ? "chrome" : "safari";
}
