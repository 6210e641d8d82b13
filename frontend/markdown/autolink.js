/** Finds the addresses in a text that is no Markdown. Pure. */

import { safeLink } from "./safe-link.js";

/** @typedef {{ text: string, href: string | null }} TextPiece `href` is null for what is no link. */

/** Up to white space, quotation marks, or a mark of Japanese or Chinese writing, which has no spaces. */
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`|\u2018-\u201f\u3000-\u303f\uff00-\uffef]+/giu;
/** What ends the sentence, and not the address. */
const SENTENCE_END = ".,:;!?*_~…";
/** The opening bracket of each closing one. */
const OPENING = /** @type {Readonly<Record<string, string>>} */ ({ ")": "(", "]": "[", "}": "{" });

/**
 * A text in pieces; joined, they are the text again.
 *
 * @param {string} text
 * @returns {TextPiece[]} Empty for an empty text.
 */
export function autolinked(text) {
  /** @type {TextPiece[]} */
  const pieces = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const address = trimmed(found);
    const href = safeLink(address);
    if (href === null) continue;
    if (index > end) pieces.push({ text: text.slice(end, index), href: null });
    pieces.push({ text: address, href });
    end = index + address.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null });
  return pieces;
}

/** The address without what belongs to the sentence around it: also closing brackets that it has not opened.
 * @param {string} found */
function trimmed(found) {
  /** @param {string} character */
  const count = (character) => found.split(character).length - 1;
  const surplus = new Map(
    Object.entries(OPENING).map(([close, open]) => [close, count(close) - count(open)]),
  );
  let end = found.length;
  for (; end > 0; end -= 1) {
    const last = found.charAt(end - 1);
    const unopened = surplus.get(last) ?? 0;
    if (unopened > 0) surplus.set(last, unopened - 1);
    else if (!SENTENCE_END.includes(last)) break;
  }
  return found.slice(0, end);
}
