/**
 * A list that grows: only its last items are parsed again. A list is one block of the parser, however long
 * it is, and answers are often one list. Pure.
 */

import { linksIn, linksOf } from "./links.js";
import { blockOf } from "./nodes.js";

/** @import { Links, Token, Tokens } from "../vendor/marked-18.2.1/marked.esm.js" */
/** @import { Lex } from "./lexer.js" */
/** @import { MarkdownElement } from "./nodes.js" */

/**
 * @typedef {{ raw: string, isLoose: boolean, links: Links }} ListItem `isLoose`: it alone makes its list one
 *   with blank lines, in which every item is a paragraph; `links` are defined in it.
 * @typedef {{ raw: string, node: MarkdownElement, items: readonly ListItem[], isLoose: boolean }} ListBlock
 *   Each item is a child of the node.
 */

/**
 * The items at the end that more text can still change: the last one, and the one before it, which takes
 * the line in again (after `- a`, `-` is an item, and `--` is a line of the item before).
 */
const UNSETTLED_ITEMS = 2;
/** An item that ends so makes the list loose, if another one follows. */
const ENDS_WITH_BLANK_LINE = /\n[ \t]*\n[ \t]*$/;
const BLANK_LINE = /\n.*\n/;
/** The bullet or number of an item, with what is before it. */
const MARKER = /^ {0,3}(?:[-*+]|\d{1,9}[.)])/;

/** @param {Token} token @param {MarkdownElement | null} node What shows the token.
 * @returns {ListBlock | null} Null for anything but a list. */
export function listBlock(token, node) {
  if (token.type !== "list" || !node) return null;
  const { raw, items, loose: isLoose } = /** @type {Tokens.List} */ (token);
  return { raw, node, isLoose, items: items.map(itemOf) };
}

/** Whether it is a list with items that no more text can change. @param {ListBlock | null} [list] */
export const hasSettledItems = (list) => (list?.items.length ?? 0) > UNSETTLED_ITEMS;

/**
 * The list after more text, and the tokens behind it.
 *
 * @param {ListBlock} list One with settled items.
 * @param {string} source From the beginning of the list on.
 * @param {Lex} lex
 * @param {Links} links Those that are defined above the list.
 * @returns {{ list: ListBlock, tokens: Token[] } | null} Null if the source must be parsed as a whole:
 *   its beginning is another one, or all items look different now, with paragraphs or without.
 */
export function grownList(list, source, lex, links) {
  const settled = list.items.slice(0, -UNSETTLED_ITEMS);
  const settledRaw = settled.map(({ raw }) => raw).join("");
  if (!source.startsWith(settledRaw)) return null;
  const rest = source.slice(settledRaw.length);
  // An item in front, to be dropped, which makes the rest loose as the settled items do.
  const marker = MARKER.exec(rest)?.[0] ?? "";
  const dropped = settled.some(({ isLoose }) => isLoose) ? `${marker} a\n\n` : "";
  const [first, ...tokens] = lex(`${dropped}${rest}`, linksIn([{ links }, ...settled]));
  const found = first && listBlock(first, blockOf(first));
  if (!found || found.isLoose !== list.isLoose || !found.raw.startsWith(dropped)) return null;
  const count = dropped ? 1 : 0;
  if (dropped && found.items[0]?.raw !== dropped) return null;
  const node = {
    ...list.node,
    children: [...list.node.children.slice(0, settled.length), ...found.node.children.slice(count)],
  };
  const raw = settledRaw + found.raw.slice(dropped.length);
  const items = [...settled, ...found.items.slice(count)];
  return { list: { raw, node, items, isLoose: list.isLoose }, tokens };
}

/** @param {Tokens.ListItem} item @returns {ListItem} */
const itemOf = ({ raw, tokens }) => ({
  raw,
  links: linksOf(tokens),
  isLoose:
    ENDS_WITH_BLANK_LINE.test(raw) ||
    tokens.some((token) => token.type === "space" && BLANK_LINE.test(token.raw)),
});
