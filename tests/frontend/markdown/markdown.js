/** What the tests of Markdown share: the real parser, and short notation for elements. */

import { LazyLexer } from "../../../frontend/markdown/lexer.js";

const lexer = new LazyLexer();
await lexer.load();

/** The page's own parser. @type {import("../../../frontend/markdown/lexer.js").Lex} */
export const lex = lexer.lex;

/** A node in short: text as it is, an element as `[tag, ...children]`; attributes are left out. */
export const inShort = (node) =>
  typeof node === "string" ? node : [node.tag, ...merged(node.children.map(inShort))];

/** Texts side by side, as one: the browser shows them so. */
function merged(nodes) {
  const all = [];
  for (const node of nodes) {
    if (typeof node === "string" && typeof all.at(-1) === "string") all.push(all.pop() + node);
    else all.push(node);
  }
  return all;
}

/** Every element of these nodes, at every depth. */
export const elementsIn = (nodes) =>
  nodes
    .filter((node) => node && typeof node !== "string")
    .flatMap((node) => [node, ...elementsIn(node.children)]);

/** The text of these nodes. */
export const textIn = (nodes) =>
  nodes.map((node) => (typeof node === "string" ? node : textIn(node.children))).join("");
