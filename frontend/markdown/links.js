/** Definitions of links (`[label]: address`), which may stand far above their use. Pure. */

/** @import { Links, Token } from "../vendor/marked-18.2.1/marked.esm.js" */

/** What may contain blocks, and so definitions. */
const CONTAINERS = new Set(["list", "list_item", "blockquote"]);

/**
 * The definitions in these tokens, also in lists and quotes.
 *
 * @param {readonly Token[]} tokens
 * @returns {Links} By label. Of two with one label the first counts.
 */
export function linksOf(tokens) {
  return linksIn(tokens.map((token) => ({ links: linksOfToken(token) })));
}

/**
 * The definitions of several parts together.
 *
 * @param {readonly { links: Links }[]} parts
 * @returns {Links} Of two with one label the first counts.
 */
export function linksIn(parts) {
  // The last assignment counts.
  return Object.assign({}, ...parts.map(({ links }) => links).reverse());
}

/** @param {Token} token @returns {Links} */
function linksOfToken(token) {
  if (token.type === "def") return { [token.tag]: { href: token.href, title: token.title } };
  if (!CONTAINERS.has(token.type)) return {};
  const { items, tokens } = /** @type {{ items?: Token[], tokens?: Token[] }} */ (token);
  return linksOf(items ?? tokens ?? []);
}
