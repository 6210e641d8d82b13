/** A Markdown text that grows while it is shown: only its end is parsed again. Pure. */

import { blockOf } from "./nodes.js";

/** @import { Lex } from "./lexer.js" */
/** @import { MarkdownElement } from "./nodes.js" */

/** @typedef {{ raw: string, node: MarkdownElement | null }} Block `raw` is its source. */

/**
 * The blocks at the end that more text can still change: the last one, and the one before it, which a
 * list takes in again (`1. a`, a blank line, `2` is a list and a paragraph; with `2. b` it is one list).
 */
const UNSETTLED_BLOCKS = 2;
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
   * The blocks of the text. Those that did not change since the last update are the same objects.
   *
   * @param {string} text
   * @param {Lex} lex
   * @param {boolean} isComplete Then it is parsed as a whole: a link may be defined below its use.
   * @returns {readonly Block[]}
   */
  update(text, lex, isComplete) {
    const source = text.replace(/\r\n?/g, "\n");
    const settled = isComplete ? [] : settledBlocks(this.#blocks, source);
    const rest = source.slice(sourceOf(settled).length);
    const found = [...settled, ...parsed(rest, lex)];
    // A text of nothing but definitions of links shows nothing.
    const blocks = found.some(({ node }) => node) ? found : [plain(source)];
    this.#blocks = blocks.map((block, index) => sameOr(this.#blocks[index], block));
    return this.#blocks;
  }
}

/** @param {readonly Block[]} blocks */
const sourceOf = (blocks) => blocks.map(({ raw }) => raw).join("");

/** The blocks that stay as they are, with this source.
 * @param {readonly Block[]} blocks @param {string} source */
function settledBlocks(blocks, source) {
  const shownAt = [...blocks.keys()].filter((index) => blocks[index]?.node);
  const settled = blocks.slice(0, shownAt.at(-UNSETTLED_BLOCKS) ?? 0);
  return source.startsWith(sourceOf(settled)) ? settled : [];
}

/** @param {string} source @param {Lex} lex @returns {Block[]} */
function parsed(source, lex) {
  if (source.length > MOST_MARKDOWN_CHARS || TOO_NESTED.test(source)) return [plain(source)];
  try {
    return lex(source).map((token) => ({ raw: token.raw, node: blockOf(token) }));
  } catch {
    // Such as a stack overflow.
    return [plain(source)];
  }
}

/** @param {string} source @returns {Block} */
const plain = (source) => ({
  raw: source,
  node: { tag: "p", attributes: { dir: "auto" }, children: [source] },
});

/** @param {Block | undefined} known @param {Block} block */
function sameOr(known, block) {
  if (known === block || known?.raw !== block.raw) return block;
  return JSON.stringify(known.node) === JSON.stringify(block.node) ? known : block;
}
