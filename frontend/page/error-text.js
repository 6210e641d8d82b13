/** What to tell the user about a failed request. Pure. */

import { ApiError } from "../api.js";
import { whenText } from "../when.js";

/** @import { Words } from "../words/i18n.js" */

/**
 * The server's messages, which are in the user's language, where it sent some; else a text of ours. A time
 * is written as in the help cards, in the browser's time zone; the server's message has it in the server's.
 *
 * @param {Words} words
 * @param {unknown} error
 * @param {(at: Date) => string} [when]
 * @returns {string}
 */
export function errorText(words, error, when = whenText) {
  if (!(error instanceof ApiError)) return words.say("error.internal");
  // Only of a form's fields; the detail of other errors is for programs.
  const details = error.code === "invalid" ? detailMessages(error.detail) : [];
  if (details.length > 0) return details.join(" ");
  const resetsAt = error.code === "budget_spent" ? resetsAtOf(error.detail) : null;
  if (resetsAt) return words.say("error.budget_spent", { time: when(resetsAt) });
  return error.sentence || words.sayFirst(`error.${error.code}`);
}

/** When a budget that is used up starts again; null if it does not by itself. @param {unknown} detail */
function resetsAtOf(detail) {
  const { resets_at: text } = /** @type {{ resets_at?: unknown }} */ (detail ?? {});
  const at = new Date(typeof text === "string" ? text : Number.NaN);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** @param {unknown} detail Messages by the name of the field that they are about. */
function detailMessages(detail) {
  if (typeof detail !== "object" || detail === null) return [];
  return Object.values(detail)
    .flat()
    .filter((message) => typeof message === "string");
}
