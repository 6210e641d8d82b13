/** The vendored Markdown parser, loaded when the first answer needs it: a first load does without it. */

/** @import { Token } from "../vendor/marked-18.2.1/marked.esm.js" */

/** @import { Links } from "../vendor/marked-18.2.1/marked.esm.js" */

/**
 * @typedef {(source: string, links?: Links) => Token[]} Lex Markdown → block tokens, with inline tokens in
 *   them. `links` are defined above the source (`[label]: address`); of two with one label the first counts.
 * @typedef {{ tokens: { links: Links }, lex: (source: string) => Token[] }} OneLexer
 * @typedef {{ Lexer: new (options: { gfm: boolean, breaks: boolean }) => OneLexer }} Marked
 */

/** @returns {Promise<Marked>} */
const importMarked = () => import("../vendor/marked-18.2.1/marked.esm.js");

export class LazyLexer {
  #importMarked;
  /** @type {Promise<boolean> | null} */
  #loading = null;
  /** @type {Lex | null} */
  #lex = null;

  /** @param {() => Promise<Marked>} [load] Replaces the import, for tests. */
  constructor(load = importMarked) {
    this.#importMarked = load;
  }

  /** Null until it is loaded. */
  get lex() {
    return this.#lex;
  }

  /** Load the parser, once. After a failure it may be tried again.
   * @returns {Promise<boolean>} Whether it is loaded. */
  load() {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async #load() {
    try {
      const { Lexer } = await this.#importMarked();
      this.#lex = (source, links = {}) => {
        // A line break stays one, as in a plain message.
        const lexer = new Lexer({ gfm: true, breaks: true });
        Object.assign(lexer.tokens.links, links);
        return lexer.lex(source);
      };
    } catch {
      this.#loading = null;
    }
    return this.#lex !== null;
  }
}
