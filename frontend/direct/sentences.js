/** What the page says about the end of a direct call, or about a problem in one. Pure. */

import { cardFor } from "../words/help.js";

/** @import { Problem } from "../realtime-client.js" */

/**
 * @typedef {{
 *   key: string, values?: Record<string, string>, whyKeys?: string[], isConnection?: boolean,
 * }} Sentence `whyKeys` are the keys of further texts, for `{why}`; `isConnection`: there is no call any more.
 */

/** The text by the reason of a call's end, or by an error's code. @type {Readonly<Record<string, string>>} */
const TEXTS = Object.freeze({
  answer_failed: "direct.error.answer",
  bad_choice: "direct.error.choice",
  cannot_connect: "direct.error.connect",
  connection_lost: "direct.error.lost",
  direct_refused: "direct.error.refused",
  key_refused: "direct.error.not_now",
  no_answer: "direct.error.no_answer",
  no_key: "direct.error.no_key",
  page_failed: "direct.error.page",
  provider_refused: "direct.error.provider",
  rate_limit: "direct.error.limit",
  unauthenticated: "sign_in.expired",
});

/** Endings whose cause only the server knows, where it has sent a sentence. */
const EXPLAINED_BY_SERVER = new Set(["rate_limit"]);

/** Errors after which the call goes on. */
const IN_CALL = new Set(["answer_failed", "no_answer"]);

/**
 * @param {string} code
 * @param {string} message The server's or the provider's own; may be empty.
 * @returns {Sentence}
 */
export function endingSentence(code, message) {
  const card = cardFor(code);
  // The endings of calls that our server watches are explained as on the main page.
  if (!(code in TEXTS) && card === code) {
    return {
      key: "direct.error.ended",
      whyKeys: [`help.${card}.title`],
      isConnection: !IN_CALL.has(code),
    };
  }
  const isExplained = message !== "" && EXPLAINED_BY_SERVER.has(code);
  return {
    key: isExplained ? "direct.error.not_now" : (TEXTS[code] ?? "direct.error.connect"),
    values: { why: message },
    isConnection: !IN_CALL.has(code),
  };
}

/** The text by problem; null where the problem is over. @type {Readonly<Record<Problem, string | null>>} */
const PROBLEMS = Object.freeze({
  network_recovered: null,
  recovered: null,
  silent: "help.microphone_silent.title",
  slow_network: "help.slow_network.title",
  sound_allowed: null,
  sound_blocked: "direct.error.sound_blocked",
  stopped: "help.microphone_stopped.title",
});

/** @param {Problem} problem @returns {Sentence | null} */
export function problemSentence(problem) {
  const key = PROBLEMS[problem];
  if (!key) return null;
  const isMicrophone = key.startsWith("help.microphone_");
  return isMicrophone ? { key: "direct.error.recording", whyKeys: [key] } : { key };
}
