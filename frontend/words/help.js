/**
 * The help cards, one for each problem or ending of a call, and the action of each card's button. Pure.
 *
 * The keys of a card's sentences in `i18n.js` are `help.<name>.title` and `help.<name>.text`, and
 * `help.<name>.admin` where an administrator must act; the key of its button's label is `action.<action>`.
 */

/**
 * @typedef {"ask_microphone" | "type_instead" | "reconnect" | "retry" | "talk_here" | "sign_in" | "reload"
 *   | "dismiss" | "new_session" | "choose_microphone" | "choose_speaker" | "choose_connection"
 *   | "turn_on_sound"} HelpAction
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
  sound_blocked: { action: "turn_on_sound", tone: "warning" },
  speaker_lost: { action: "choose_speaker", tone: "warning" },
  slow_network: { action: "dismiss", tone: "warning" },
  no_network: { action: "reconnect", tone: "warning" },
  // UDP does not get through to the provider (call/webrtc-connection.js).
  webrtc_blocked: { action: "choose_connection", tone: "warning" },
  // The conversation could not be loaded.
  not_loaded: { action: "retry", tone: "warning" },
  // A proxy that is nearly right (call/proxy-check.js).
  origin_foreign: { action: "reconnect", tone: "warning" },
  upgrade_missing: { action: "reconnect", tone: "warning" },
  subprotocol_missing: { action: "reconnect", tone: "warning" },
  answer_failed: { action: "dismiss", tone: "warning" },
  voice_unsupported: { action: "type_instead", tone: "warning" },
  // The ending of a call that an exception in the page has ended.
  page_failed: { action: "reload", tone: "warning" },
  no_answer: { action: "dismiss", tone: "calm" },
  // Endings of a call, as in shared-facts.js, and `session_closed`, the error of a refused ticket.
  completed: { action: "reconnect", tone: "calm" },
  draining: { action: "reconnect", tone: "calm" },
  bad_frames: { action: "reload", tone: "warning" },
  unauthenticated: { action: "sign_in", tone: "warning" },
  revoked: { action: "sign_in", tone: "warning" },
  forbidden: { action: "new_session", tone: "warning" },
  session_closed: { action: "new_session", tone: "calm" },
  too_slow: { action: "reconnect", tone: "warning" },
  unresponsive: { action: "reconnect", tone: "warning" },
  idle: { action: "reconnect", tone: "calm" },
  taken_over: { action: "talk_here", tone: "calm" },
  time_limit: { action: "reconnect", tone: "calm" },
  rate_limit: { action: "reconnect", tone: "warning" },
  too_many_calls: { action: "reconnect", tone: "calm" },
  server_full: { action: "reconnect", tone: "calm" },
  hourly_limit: { action: "type_instead", tone: "calm" },
  budget_spent: { action: "reconnect", tone: "calm" },
  // As `budget_spent`, where nothing starts again by itself.
  budget_none: { action: "dismiss", tone: "calm" },
  // Errors that say why a call is forbidden.
  calls_not_allowed: { action: "type_instead", tone: "calm" },
  price_unknown: { action: "dismiss", tone: "warning" },
  internal: { action: "reconnect", tone: "warning" },
  provider_failed: { action: "reconnect", tone: "warning" },
  provider_refused: { action: "reconnect", tone: "warning" },
  provider_unavailable: { action: "reconnect", tone: "warning" },
  provider_timeout: { action: "reconnect", tone: "warning" },
  interrupted: { action: "reconnect", tone: "warning" },
});

/** Codes without a card: the user has ended the call and needs no explanation. */
const WITHOUT_CARD = new Set(["client_left"]);

/**
 * The card for an ending or an error code: `internal` for an unknown code, null if no card is shown.
 *
 * @param {string} code
 * @returns {string | null}
 */
export function cardFor(code) {
  if (WITHOUT_CARD.has(code)) return null;
  return code in HELP ? code : "internal";
}

/**
 * The variant of the `microphone_denied` text that describes this browser's microphone permission.
 *
 * @param {string} userAgent
 * @returns {"ios" | "safari" | "firefox" | "chrome"}
 */
export function permissionPlace(userAgent) {
  if (/iPhone|iPad/.test(userAgent)) return "ios";
  if (/Firefox\//.test(userAgent)) return "firefox";
  return /Chrome\/|Chromium\//.test(userAgent) ? "chrome" : "safari";
}
