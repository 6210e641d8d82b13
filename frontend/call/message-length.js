/** How long a typed message may be. Pure. */

import { LIMITS } from "../shared-facts.js";
import { charsIn } from "../transcript/heard.js";

/**
 * Whether the server would refuse the message. It counts code points; a string's `length` counts
 * UTF-16 units, of which an emoji has two.
 *
 * @param {string} text
 */
export function isTooLong(text) {
  // A text has at least as many UTF-16 units as code points: short ones need no counting.
  return text.length > LIMITS.messageCharacters && charsIn(text) > LIMITS.messageCharacters;
}
