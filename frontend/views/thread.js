/**
 * The conversation: one bubble for each line, in spoken order. It scrolls to new lines only while the
 * reader is at the end.
 */

import { LazyLexer } from "../markdown/lexer.js";
import { partKey } from "../transcript/item.js";
import { Bubble, mayBeMarkdown } from "./bubble.js";
import { byId, make, write } from "./elements.js";

/** @import { ShownLine } from "../transcript/shown-lines.js" */
/** @import { BubbleParts } from "./bubble.js" */

/** A reader no further from the end than this follows new lines. */
const NEAR_END_PX = 96;

export class Thread {
  #parts;
  #lexer = new LazyLexer();
  #thread = byId("thread", HTMLDivElement);
  #list = byId("lines", HTMLOListElement);
  #empty = byId("empty", HTMLDivElement);
  #loading = byId("loading", HTMLParagraphElement);
  #toLatest = byId("to-latest", HTMLButtonElement);
  /** Stands above the first line that the model is given with the next question. */
  #rememberedMark = make("li", { class: "remembered" });
  /** @type {Map<string, Bubble>} */
  #bubbles = new Map();
  /** @type {ShownLine[]} */
  #lines = [];
  /** @type {"shown" | "loading" | "failed"} */
  #phase = "shown";
  #isAtEnd = true;
  #height = 0;

  /** @param {BubbleParts} parts */
  constructor(parts) {
    this.#parts = parts;
    // A scroll event caused by a change of height says nothing about what the reader wants.
    const scrolled = () => this.#thread.clientHeight === this.#height && this.#scrolled();
    this.#thread.addEventListener("scroll", scrolled, { passive: true });
    this.#toLatest.addEventListener("click", () => {
      this.focus();
      this.#goToEnd();
    });
    new ResizeObserver(() => this.#resized()).observe(this.#thread);
  }

  /** @param {ShownLine[]} lines */
  show(lines) {
    const wasEmpty = this.#phase === "shown" && this.#lines.length === 0;
    this.#phase = "shown";
    this.#lines = lines.filter(hasBubble);
    this.#drawAll();
    if (this.#lines.length === 0 && !wasEmpty) this.#thread.scrollTop = 0;
    if (this.#lines.some(mayBeMarkdown)) void this.#loadLexer();
  }

  /** Show that another conversation is being loaded. */
  load() {
    this.#phase = "loading";
    // It probably has written answers.
    void this.#lexer.load();
    this.#isAtEnd = true;
    this.#lines = [];
    this.#drawAll();
  }

  /** Loading failed: show nothing, and not the welcome of an empty conversation. */
  fail() {
    this.#phase = "failed";
    this.#drawAll();
  }

  /** Write the texts in the current language. */
  relabel() {
    for (const bubble of this.#bubbles.values()) bubble.forget();
    this.#drawAll();
  }

  focus() {
    this.#thread.focus({ preventScroll: true });
  }

  /** Scroll to the end and stay there: the reader has just said something. */
  follow() {
    this.#isAtEnd = true;
    this.#goToEnd();
    void this.#lexer.load();
  }

  #drawAll() {
    this.#loading.hidden = this.#phase !== "loading";
    this.#empty.hidden = this.#phase !== "shown" || this.#lines.length > 0;
    const keys = new Set(this.#lines.map(keyOf));
    for (const [key, { element }] of this.#bubbles) {
      if (keys.has(key)) continue;
      element.remove();
      this.#bubbles.delete(key);
    }
    if (!this.#lines.some(isBelowMark)) this.#rememberedMark.remove();
    write(this.#rememberedMark, this.#parts.words.say("thread.remembered_from"));
    const rows = this.#lines.flatMap((line, index) =>
      isBelowMark(line, index) ? [this.#rememberedMark, this.#draw(line)] : [this.#draw(line)],
    );
    for (const [index, row] of rows.entries()) this.#place(row, index);
    if (this.#isAtEnd) this.#goToEnd();
    else this.#scrolled();
  }

  /** @param {HTMLLIElement} row @param {number} index */
  #place(row, index) {
    const there = this.#list.children[index] ?? null;
    if (there !== row) this.#list.insertBefore(row, there);
  }

  /** @param {ShownLine} line */
  #draw(line) {
    const key = keyOf(line);
    const bubble = this.#bubbles.get(key) ?? new Bubble(this.#parts);
    this.#bubbles.set(key, bubble);
    bubble.show(line, this.#lexer.lex);
    return bubble.element;
  }

  /** Load the Markdown parser, and show with it the lines that need it. */
  async #loadLexer() {
    if (!this.#lexer.lex && (await this.#lexer.load())) this.#drawAll();
  }

  #resized() {
    this.#height = this.#thread.clientHeight;
    if (this.#isAtEnd) this.#goToEnd();
    else this.#scrolled();
  }

  #goToEnd() {
    // Without lines there is only the welcome, which is read from its beginning.
    if (this.#lines.length > 0) this.#thread.scrollTop = this.#thread.scrollHeight;
    this.#scrolled();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#thread;
    const distance = scrollHeight - scrollTop - clientHeight;
    this.#isAtEnd = this.#lines.length === 0 || distance < NEAR_END_PX;
    this.#toLatest.hidden = this.#isAtEnd;
  }
}

/** @param {ShownLine} line */
const keyOf = (line) => partKey(line.itemId, line.contentIndex);

/** Whether the mark stands above a line: above the first one, it would say nothing.
 * @param {ShownLine} line @param {number} index */
const isBelowMark = ({ isFirstRemembered }, index) => isFirstRemembered === true && index > 0;

/** Whether a line gets a bubble: not tool calls, nor answers that ended before their first word.
 * @param {ShownLine} line */
export function hasBubble({ role, status, text }) {
  if (role === "tool") return false;
  return role === "user" || text !== "" || status === "in_progress" || status === "failed";
}
