/**
 * Tokens of the Markdown parser → the elements that show them, as plain objects. Pure.
 *
 * It is the whole protection against hostile answers: only the tags and attributes named here exist,
 * everything else becomes text, and the page inserts text as text. So nothing has to be sanitised.
 */

import { safeLink } from "./safe-link.js";

/** @import { MarkedToken, Token, Tokens } from "../vendor/marked-18.2.1/marked.esm.js" */

/**
 * @typedef {"a" | "blockquote" | "br" | "code" | "del" | "div" | "em" | "h2" | "h3" | "h4" | "h5" | "h6"
 *   | "hr" | "li" | "ol" | "p" | "pre" | "strong" | "table" | "tbody" | "td" | "th" | "thead" | "tr"
 *   | "ul"} Tag
 * @typedef {{ tag: Tag, attributes: Record<string, string>, children: MarkdownNode[] }} MarkdownElement
 * @typedef {MarkdownElement | string} MarkdownNode
 */

/** Deeper tokens are shown as their source: a browser fails to lay out thousands of nested elements. */
export const MOST_NESTED = 16;
const MOST_LANGUAGE_CHARS = 30;

const NAMED_CHARACTERS = /** @type {Readonly<Record<string, string>>} */ (
  Object.freeze({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" })
);
const CHARACTER_REFERENCE = /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi;

/**
 * The element of a block; null for one that shows nothing, such as a blank line.
 *
 * @param {Token} token A token of the top level.
 * @returns {MarkdownElement | null}
 */
export function blockOf(token) {
  const nodes = nodesOf(token, 0);
  const [first] = nodes;
  if (first === undefined) return null;
  const block = typeof first === "string" ? element("p", {}, nodes) : first;
  // Code is written from left to right in every language.
  const dir = block.tag === "pre" ? "ltr" : "auto";
  return { ...block, attributes: { ...block.attributes, dir } };
}

/** @param {Token} token @param {number} depth @returns {MarkdownNode[]} */
function nodesOf(token, depth) {
  const show = depth < MOST_NESTED && SHOWN_BY_TYPE[token.type];
  return show ? show(token, depth + 1) : [token.raw];
}

/** @param {Token[] | undefined} tokens @param {number} depth */
const allOf = (tokens, depth) => (tokens ?? []).flatMap((token) => nodesOf(token, depth));

/** @param {Tag} tag @param {Record<string, string>} attributes @param {MarkdownNode[]} children */
const element = (tag, attributes = {}, children = []) => ({ tag, attributes, children });

/** A token whose element holds what its tokens show. @param {Tag} tag */
const wrapped =
  (tag) =>
  (/** @type {{ tokens: Token[] }} */ { tokens }, /** @type {number} */ depth) => [
    element(tag, {}, allOf(tokens, depth)),
  ];

/**
 * @type {{
 *   [Type in MarkedToken["type"]]: (
 *     token: Extract<MarkedToken, { type: Type }>, depth: number,
 *   ) => MarkdownNode[]
 * }}
 */
const SHOWN = {
  space: () => [],
  def: () => [],
  paragraph: wrapped("p"),
  blockquote: wrapped("blockquote"),
  heading,
  list,
  list_item: wrapped("li"),
  checkbox: ({ checked }) => [checked ? "☑ " : "☐ "],
  code: ({ text, lang }) => [element("pre", languageOf(lang), [element("code", {}, [text])])],
  table,
  hr: () => [element("hr")],
  html: ({ raw }) => (/^<br\s*\/?>\s*$/i.test(raw) ? [element("br")] : [raw.replace(/\n+$/, "")]),
  text: ({ text, tokens }, depth) => (tokens ? allOf(tokens, depth) : [decoded(text)]),
  escape: ({ text }) => [text],
  strong: wrapped("strong"),
  em: wrapped("em"),
  del: wrapped("del"),
  codespan: ({ text }) => [element("code", {}, [text])],
  br: () => [element("br")],
  link,
  image,
};

const SHOWN_BY_TYPE =
  /** @type {Readonly<Record<string, (token: any, depth: number) => MarkdownNode[]>>} */ (
    Object.freeze(SHOWN)
  );

/** Below the page's own h1. @param {Tokens.Heading} token @param {number} depth @returns {MarkdownNode[]} */
function heading({ depth: level, tokens }, depth) {
  const tag = /** @type {Tag} */ (`h${Math.min(level + 1, 6)}`);
  return [element(tag, {}, allOf(tokens, depth))];
}

/** @param {Tokens.List} token @param {number} depth @returns {MarkdownNode[]} */
function list({ ordered, start, items }, depth) {
  const hasStart = ordered && start !== "" && start !== 1;
  /** @type {Record<string, string>} */
  const attributes = hasStart ? { start: String(start) } : {};
  return [element(ordered ? "ol" : "ul", attributes, allOf(items, depth))];
}

/** In a box that scrolls, so that a wide table does not widen the page.
 * @param {Tokens.Table} token @param {number} depth @returns {MarkdownNode[]} */
function table({ header, rows }, depth) {
  const cell = (/** @type {Tokens.TableCell} */ { header: isHeader, align, tokens }) =>
    element(
      isHeader ? "th" : "td",
      { ...(isHeader && { scope: "col" }), ...(align && { "data-align": align }) },
      allOf(tokens, depth),
    );
  const row = (/** @type {Tokens.TableCell[]} */ cells) => element("tr", {}, cells.map(cell));
  const parts = [element("thead", {}, [row(header)]), element("tbody", {}, rows.map(row))];
  return [element("div", { class: "table" }, [element("table", {}, parts)])];
}

/** An address that must not be a link is shown with its source.
 * @param {Tokens.Link} token @param {number} depth @returns {MarkdownNode[]} */
function link({ raw, href, autolink, text, tokens }, depth) {
  // The parser resolves no character references; in addresses written as such there are none.
  const address = safeLink(autolink ? href : decoded(href));
  return address === null ? [raw] : [anchor(address, autolink ? [text] : allOf(tokens, depth))];
}

/** Images become links: loading one would tell its server about the reader.
 * @param {Tokens.Image} token @returns {MarkdownNode[]} */
function image({ raw, href, text }) {
  const address = safeLink(decoded(href));
  return address === null ? [raw] : [anchor(address, [decoded(text) || address])];
}

/** The title shows where the link leads, whatever its text says.
 * @param {string} href @param {MarkdownNode[]} children */
const anchor = (href, children) =>
  element("a", { href, title: href, target: "_blank", rel: "noopener noreferrer" }, children);

/** @param {string | undefined} info The first line of a fenced block. @returns {Record<string, string>} */
function languageOf(info) {
  const [language] = (info ?? "").trim().split(/\s/, 1);
  return language ? { "data-language": language.slice(0, MOST_LANGUAGE_CHARS) } : {};
}

/** Resolve the character references that models write (`&lt;`, `&#39;`). @param {string} text */
function decoded(text) {
  return text.replace(CHARACTER_REFERENCE, (reference, decimal, hexadecimal, name) => {
    if (name) return NAMED_CHARACTERS[name.toLowerCase()] ?? reference;
    const code = decimal ? Number.parseInt(decimal, 10) : Number.parseInt(hexadecimal, 16);
    const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return isCharacter ? String.fromCodePoint(code) : reference;
  });
}
