/** Shows the blocks of a Markdown text. What did not change stays in the document as it is. */

import { GrowingText } from "../markdown/growing-text.js";
import { canCopy, copyButton } from "./copy-button.js";
import { make, write } from "./elements.js";

/** @import { Block } from "../markdown/growing-text.js" */
/** @import { Lex } from "../markdown/lexer.js" */
/** @import { MarkdownElement, MarkdownNode } from "../markdown/nodes.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { Announcer } from "./announcer.js" */

export class MarkdownView {
  #words;
  #announcer;
  #element;
  #text = new GrowingText();
  /** @type {Block[]} */
  #shown = [];

  /** @param {HTMLElement} element Its children are those of this view.
   * @param {Words} words @param {Pick<Announcer, "say">} announcer */
  constructor(element, words, announcer) {
    this.#element = element;
    this.#words = words;
    this.#announcer = announcer;
  }

  /** @param {string} source @param {Lex} lex @param {boolean} isComplete Whether no more will come. */
  show(source, lex, isComplete) {
    const blocks = this.#text.update(source, lex, isComplete).filter(({ node }) => node !== null);
    const places = [...this.#element.children];
    for (const [index, block] of blocks.entries()) {
      const known = this.#shown[index];
      if (block !== known) this.#place(block, known?.node ?? null, places[index]);
    }
    for (const surplus of places.slice(blocks.length)) surplus.remove();
    this.#shown = blocks;
  }

  /** Empty the element. */
  clear() {
    this.#shown = [];
    this.#element.replaceChildren();
  }

  /** @param {Block} block
   * @param {MarkdownElement | null} known @param {Element | undefined} there What is in its place so far. */
  #place({ node }, known, there) {
    if (!node) return;
    if (known && there) this.#update(there, known, node);
    else this.#element.append(this.#build(node));
  }

  /** Show a node in place of another one: what is the same in both is not touched.
   * @param {ChildNode} there @param {MarkdownNode} known What it shows. @param {MarkdownNode} node */
  #update(there, known, node) {
    if (node === known) return;
    if (typeof node === "string") return replaceByText(there, node);
    if (!(there instanceof Element) || typeof known === "string" || !isAlike(known, node)) {
      return there.replaceWith(this.#build(node));
    }
    if (node.tag === "pre") return updateCode(there, node);
    const places = [...there.childNodes];
    for (const [index, child] of node.children.entries()) {
      const [place, shown] = [places[index], known.children[index]];
      if (place && shown !== undefined) this.#update(place, shown, child);
      else there.append(typeof child === "string" ? child : this.#build(child));
    }
    for (const surplus of places.slice(node.children.length)) surplus.remove();
  }

  /** @param {MarkdownElement} node @returns {HTMLElement} */
  #build(node) {
    if (node.tag === "pre") return this.#codeBlock(node);
    const built = make(node.tag, node.attributes, ...this.#children(node));
    if (node.attributes.class === "table") this.#makeScrollable(built, "thread.table");
    return built;
  }

  /** @param {MarkdownElement} node @returns {(Node | string)[]} */
  #children({ children }) {
    return children.map((child) => (typeof child === "string" ? child : this.#build(child)));
  }

  /** A block of code with its language and a button that copies it.
   * @param {MarkdownElement} node */
  #codeBlock(node) {
    const code = make("pre", node.attributes, ...this.#children(node));
    this.#makeScrollable(code, "thread.code");
    const language = node.attributes["data-language"] ?? "";
    const head = make("div", { class: "code-head" }, make("span", { class: "language" }, language));
    if (canCopy()) {
      const text = () => code.textContent ?? "";
      head.append(copyButton(this.#words, this.#announcer, "copy.code", text));
    }
    return make("div", { class: "code", dir: "ltr" }, head, code);
  }

  /** Code and tables may be wider than the bubble: let the keyboard scroll them.
   * @param {HTMLElement} box @param {"thread.code" | "thread.table"} key Its name. */
  #makeScrollable(box, key) {
    Object.assign(box, { tabIndex: 0, role: "group", ariaLabel: this.#words.say(key) });
  }
}

/** Whether an element that shows the one can show the other: only their children differ.
 * @param {MarkdownElement} known @param {MarkdownElement} node */
const isAlike = (known, node) =>
  known.tag === node.tag && JSON.stringify(known.attributes) === JSON.stringify(node.attributes);

/** @param {ChildNode} there @param {string} text */
function replaceByText(there, text) {
  if (there instanceof Text) there.data = text;
  else there.replaceWith(text);
}

/** Code that grows keeps its elements: its button keeps the focus, and its box the scroll position.
 * @param {Element} there A block of code. @param {MarkdownElement} node */
function updateCode(there, node) {
  const code = there.querySelector(":scope > pre > code");
  if (code) write(code, textOf(node));
}

/** @param {MarkdownNode} node @returns {string} */
const textOf = (node) => (typeof node === "string" ? node : node.children.map(textOf).join(""));
