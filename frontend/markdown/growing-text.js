/** A Markdown text that grows while it is shown: only its end is parsed again. Pure. */

import { grownList, hasSettledItems, listBlock } from "./growing-list.js";
import { linksIn, linksOf } from "./links.js";
import { blockOf } from "./nodes.js";

/** @import { Links, Token } from "../vendor/marked-18.2.1/marked.esm.js" */
/** @import { ListBlock } from "./growing-list.js" */
/** @import { Lex } from "./lexer.js" */
/** @import { MarkdownElement, MarkdownNode, Tag } from "./nodes.js" */

/**
 * @typedef {{
 *   raw: string, node: MarkdownElement | null, links: Links, level?: number, list?: ListBlock | null,
 * }} Block `raw` is its source; `links` are defined in it; `level` is that of a heading as it was written;
 *   `list` says more of a list.
 */

/**
 * The blocks at the end that more text can still change: the last one; the one before it, which a list
 * takes in again (`1. a`, a blank line, `2` is a list and a paragraph; with `2. b` it is one list); and
 * the one before that (`a`, `2. b`, `-` are a paragraph and two lists; with `- c`, the first list is a
 * line of the paragraph).
 */
const UNSETTLED_BLOCKS = 3;
/**
 * Longer texts are shown as they are written: for some sources the time of the parser grows with the
 * square of their length.
 */
export const MOST_MARKDOWN_CHARS = 32_000;
/** A line of thousands of quotes or lists in one another takes the parser a second. */
const TOO_NESTED = /^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])[ \t])){50}/m;

export class GrowingText {
  /** @type {readonly Block[]} */
  #blocks = [];

  /**
   * The blocks of the text. Those that did not change since the last update are the same objects, and in
   * the others the nodes that did not.
   *
   * @param {string} text
   * @param {Lex} lex
   * @param {boolean} isComplete Then it is parsed as a whole: a link may be defined below its use.
   * @returns {readonly Block[]}
   */
  update(text, lex, isComplete) {
    const source = text.replace(/\r\n?/g, "\n");
    const known = isComplete ? [] : this.#blocks;
    const found = withoutSkippedLevels(grown(known, source, lex));
    // A text of nothing but definitions of links shows nothing.
    const blocks = found.some(({ node }) => node) ? found : [plain(source)];
    this.#blocks = blocks.map((block, index) => reusedBlock(this.#blocks[index], block));
    return this.#blocks;
  }
}

/** @param {readonly Block[]} blocks */
const sourceOf = (blocks) => blocks.map(({ raw }) => raw).join("");

/** The blocks of the source, of which the known ones are the beginning.
 * @param {readonly Block[]} known @param {string} source @param {Lex} lex @returns {Block[]} */
function grown(known, source, lex) {
  return grownFromList(known, source, lex) ?? grownFromBlocks(known, source, lex);
}

/** @param {readonly Block[]} known @param {string} source @param {Lex} lex @returns {Block[]} */
function grownFromBlocks(known, source, lex) {
  const settled = settledBlocks(known, source);
  const rest = source.slice(sourceOf(settled).length);
  return [...settled, ...parsed(rest, lex, linksIn(settled))];
}

/**
 * The blocks, if one of the last two is a long list: what is before its last items is settled.
 *
 * @param {readonly Block[]} known
 * @param {string} source
 * @param {Lex} lex
 * @returns {Block[] | null} Null if it is not so, or the list must be parsed as a whole.
 */
function grownFromList(known, source, lex) {
  const unsettled = shownIndexes(known).slice(-UNSETTLED_BLOCKS);
  const index = unsettled.findLast((at) => hasSettledItems(known[at]?.list));
  const list = index === undefined ? null : known[index]?.list;
  if (!list) return null;
  const settled = known.slice(0, index);
  const before = sourceOf(settled);
  const rest = source.slice(before.length);
  if (!source.startsWith(before) || isPlain(rest)) return null;
  try {
    const found = grownList(list, rest, lex, linksIn(settled));
    if (!found) return null;
    const { raw, node, items } = found.list;
    const block = { raw, node, links: linksIn(items), list: found.list };
    return [...settled, block, ...found.tokens.map(blockFrom)];
  } catch {
    return null;
  }
}

/** @param {readonly Block[]} blocks */
const shownIndexes = (blocks) => [...blocks.keys()].filter((index) => blocks[index]?.node);

/** The blocks that stay as they are, with this source.
 * @param {readonly Block[]} blocks @param {string} source */
function settledBlocks(blocks, source) {
  const settled = blocks.slice(0, shownIndexes(blocks).at(-UNSETTLED_BLOCKS) ?? 0);
  return source.startsWith(sourceOf(settled)) ? settled : [];
}

/** @param {string} source @param {Lex} lex @param {Links} links Defined above. @returns {Block[]} */
function parsed(source, lex, links) {
  if (isPlain(source)) return [plain(source)];
  try {
    return lex(source, links).map(blockFrom);
  } catch {
    // Such as a stack overflow.
    return [plain(source)];
  }
}

/** Whether this is shown as it is written. @param {string} source */
const isPlain = (source) => source.length > MOST_MARKDOWN_CHARS || TOO_NESTED.test(source);

/** @param {Token} token @returns {Block} */
function blockFrom(token) {
  const node = blockOf(token);
  const block = { raw: token.raw, node, links: linksOf([token]) };
  if (token.type === "heading") return { ...block, level: token.depth };
  return token.type === "list" ? { ...block, list: listBlock(token, node) } : block;
}

/**
 * The blocks with headings that begin at h2 and skip no level on the way down. Models often begin with
 * `##`; the page's own heading is an h1, and screen readers announce a gap between levels.
 *
 * @param {readonly Block[]} blocks
 * @returns {Block[]}
 */
function withoutSkippedLevels(blocks) {
  /** @type {number[]} The levels of the headings that the current block is under, as written. */
  const above = [];
  return blocks.map((block) => {
    const { node, level } = block;
    if (!node || level === undefined) return block;
    while ((above.at(-1) ?? 0) >= level) above.pop();
    above.push(level);
    const tag = /** @type {Tag} */ (`h${Math.min(above.length + 1, 6)}`);
    return node.tag === tag ? block : { ...block, node: { ...node, tag } };
  });
}

/** @param {string} source @returns {Block} */
const plain = (source) => ({
  raw: source,
  links: {},
  node: { tag: "p", attributes: { dir: "auto" }, children: [source] },
});

/** @param {Block | undefined} known @param {Block} block @returns {Block} */
function reusedBlock(known, block) {
  if (!known || known === block) return block;
  if (!known.node || !block.node) {
    return known.raw === block.raw && known.node === block.node ? known : block;
  }
  const node = /** @type {MarkdownElement} */ (reused(known.node, block.node));
  if (node === known.node && known.raw === block.raw) return known;
  return { ...block, node, ...(block.list && { list: { ...block.list, node } }) };
}

/**
 * The node, or the known one if that shows the same; as much of its children is that of the known one.
 *
 * @param {MarkdownNode | undefined} known
 * @param {MarkdownNode} node
 * @returns {MarkdownNode}
 */
function reused(known, node) {
  if (known === node || known === undefined) return node;
  if (typeof known === "string" || typeof node === "string") return node;
  const children = node.children.map((child, index) => reused(known.children[index], child));
  const isSame =
    known.tag === node.tag &&
    JSON.stringify(known.attributes) === JSON.stringify(node.attributes) &&
    known.children.length === children.length &&
    children.every((child, index) => child === known.children[index]);
  return isSame ? known : { ...node, children };
}
