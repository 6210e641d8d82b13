/** What to tell the user about a failed request. Pure. */

import { ApiError } from "../api.js";

/** @import { Words } from "../words/i18n.js" */

/**
 * The server's messages, which are in the user's language, where it sent some; else a text of ours.
 *
 * @param {Words} words
 * @param {unknown} error
 * @returns {string}
 */
export function errorText(words, error) {
  if (!(error instanceof ApiError)) return words.say("error.internal");
  const details = detailMessages(error.detail);
  if (details.length > 0) return details.join(" ");
  return error.sentence || words.sayFirst(`error.${error.code}`);
}

/** @param {unknown} detail Messages by the name of the field that they are about. */
function detailMessages(detail) {
  if (typeof detail !== "object" || detail === null) return [];
  return Object.values(detail)
    .flat()
    .filter((message) => typeof message === "string");
}
