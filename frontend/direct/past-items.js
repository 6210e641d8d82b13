/**
 * The conversation so far, as frames for a new connection to the provider, which does not know it. Pure.
 *
 * Our server does the same for relayed calls (`backend/relay/bounded_history.py`). Sound cannot be sent again: what was
 * spoken becomes text, and of an interrupted answer only what was heard.
 */

import { hasWords } from "../transcript/heard.js";

/** @import { Line } from "../transcript/item.js" */

/** @typedef {Pick<Line, "itemId" | "role" | "text" | "heardText">} PastLine */

/** Every answer bills the past again. A spoken hour has about 50,000 characters. */
const MOST_CHARACTERS = 12_000;
/** The provider takes no longer ids. */
const LONGEST_ID = 32;

/** @type {Readonly<Record<string, string>>} The content's type by role. */
const CONTENT_TYPES = Object.freeze({ user: "input_text", assistant: "output_text" });

/**
 * One `conversation.item.create` for each line, the newest that fit, in spoken order.
 *
 * @param {ReadonlyArray<PastLine>} lines In spoken order.
 * @param {string} eventPrefix Begins the frames' event ids.
 */
export function itemFrames(lines, eventPrefix) {
  const said = lines
    .map(({ itemId, role, text, heardText }) => ({ itemId, role, text: heardText ?? text }))
    .filter(({ role, text }) => role in CONTENT_TYPES && hasWords(text));
  return newest(said).map(({ itemId, role, text }, index) => ({
    type: "conversation.item.create",
    event_id: `${eventPrefix}past_${index}`,
    item: {
      id: itemId.slice(0, LONGEST_ID),
      type: "message",
      role,
      content: [{ type: CONTENT_TYPES[role] ?? "", text }],
    },
  }));
}

/** @template {{ text: string }} T @param {T[]} said @returns {T[]} */
function newest(said) {
  let left = MOST_CHARACTERS;
  const first = said.findLastIndex(({ text }) => {
    left -= text.length;
    return left < 0;
  });
  return said.slice(first + 1);
}
