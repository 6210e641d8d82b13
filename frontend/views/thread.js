/**
 * The conversation: one bubble for each line, in spoken order. It scrolls to new lines only while the
 * reader is at the end.
 */

import { partKey } from "../transcript/item.js";
import { byId, make, write } from "./elements.js";

/** @import { Words } from "../words/i18n.js" */
/** @import { ShownLine } from "../transcript/shown-lines.js" */

/** A reader no further from the end than this follows new lines. */
const NEAR_END_PX = 96;

export class Thread {
  #words;
  #retryChosen;
  #thread = byId("thread", HTMLDivElement);
  #list = byId("lines", HTMLOListElement);
  #empty = byId("empty", HTMLDivElement);
  #loading = byId("loading", HTMLParagraphElement);
  #toLatest = byId("to-latest", HTMLButtonElement);
  /** Stands above the first line that the model is given with the next question. */
  #rememberedMark = make("li", { class: "remembered" });
  /** @type {Map<string, { bubble: HTMLLIElement, drawn: string }>} */
  #bubbles = new Map();
  /** @type {ShownLine[]} */
  #lines = [];
  /** @type {"shown" | "loading" | "failed"} */
  #phase = "shown";
  #isAtEnd = true;
  #height = 0;

  /**
   * @param {Words} words
   * @param {(itemId: string) => void} retryChosen Called to send a failed message again.
   */
  constructor(words, retryChosen) {
    this.#words = words;
    this.#retryChosen = retryChosen;
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
  }

  /** Show that another conversation is being loaded. */
  load() {
    this.#phase = "loading";
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
    for (const known of this.#bubbles.values()) known.drawn = "";
    this.#drawAll();
  }

  focus() {
    this.#thread.focus({ preventScroll: true });
  }

  /** Scroll to the end and stay there: the reader has just said something. */
  follow() {
    this.#isAtEnd = true;
    this.#goToEnd();
  }

  #drawAll() {
    this.#loading.hidden = this.#phase !== "loading";
    this.#empty.hidden = this.#phase !== "shown" || this.#lines.length > 0;
    const keys = new Set(this.#lines.map(keyOf));
    for (const [key, { bubble }] of this.#bubbles) {
      if (keys.has(key)) continue;
      bubble.remove();
      this.#bubbles.delete(key);
    }
    if (!this.#lines.some(isBelowMark)) this.#rememberedMark.remove();
    write(this.#rememberedMark, this.#words.say("thread.remembered_from"));
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
    const known = this.#bubbles.get(key) ?? { bubble: make("li", { class: "line" }), drawn: "" };
    this.#bubbles.set(key, known);
    const drawn = JSON.stringify([
      line.shown,
      line.text,
      line.heardText,
      line.status,
      line.isPending,
      line.isHeldBack,
      line.failure ?? null,
    ]);
    if (known.drawn === drawn) return known.bubble;
    known.drawn = drawn;
    const { bubble } = known;
    Object.assign(bubble.dataset, {
      role: line.role,
      status: line.status,
      modality: line.modality,
      item: line.itemId,
    });
    bubble.replaceChildren(
      make("span", { class: "visually-hidden" }, `${this.#words.say(speakerKey(line))}: `),
      ...this.#contents(line),
    );
    return bubble;
  }

  /** @param {ShownLine} line @returns {Node[]} */
  #contents(line) {
    const note = noteKey(line);
    const text = make("p", { class: "text" });
    if (line.shown) this.#writeText(text, line);
    else if (note) text.append(make("span", { class: "waiting" }, this.#words.say(note)));
    if (line.failure !== undefined) return [text, this.#failure(line.itemId, line.failure)];
    if (!line.shown || !note) return [text];
    return [text, make("p", { class: "note" }, this.#words.say(note))];
  }

  /** @param {string} itemId @param {string} why @returns {HTMLElement} */
  #failure(itemId, why) {
    const retry = make(
      "button",
      { type: "button", class: "button quiet retry" },
      this.#words.say("action.retry"),
    );
    retry.addEventListener("click", () => this.#retryChosen(itemId));
    return make("p", { class: "note failure" }, why, " ", retry);
  }

  /** Mark the part of an interrupted answer that was not heard, for the eye and for screen readers.
   * @param {HTMLElement} paragraph @param {ShownLine} line */
  #writeText(paragraph, { shown, heardText, status }) {
    const isCut = status === "interrupted" && heardText !== null && shown.startsWith(heardText);
    const heard = isCut ? heardText : shown;
    const unheard = shown.slice(heard.length);
    const words = unheard.trimStart();
    paragraph.append(heard, unheard.slice(0, unheard.length - words.length));
    if (!words) return;
    paragraph.append(
      make(
        "s",
        { class: "unheard" },
        make("span", { class: "visually-hidden" }, ` (${this.#words.say("thread.not_heard")}) `),
        words,
      ),
    );
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

/** @param {ShownLine} line */
const speakerKey = (line) => (line.role === "user" ? "thread.you" : "thread.assistant");

/** Whether a line gets a bubble: not tool calls, nor answers that ended before their first word.
 * @param {ShownLine} line */
export function hasBubble({ role, status, text }) {
  if (role === "tool") return false;
  return role === "user" || text !== "" || status === "in_progress" || status === "failed";
}

/**
 * The note below the text of a line, or in place of it.
 *
 * @param {ShownLine} line
 * @returns {string | null} The key of a text.
 */
export function noteKey({ role, status, text, shown, modality, isPending, isHeldBack }) {
  if (isHeldBack) return "thread.not_sent";
  if (isPending) return "thread.sending";
  const isUser = role === "user";
  if (status === "failed") return isUser ? "thread.failed_user" : "thread.failed_assistant";
  if (status === "interrupted" && !isUser) return "thread.cut_off";
  if (shown !== "") return null;
  if (!isUser) return "thread.preparing";
  if (status === "in_progress")
    return modality === "voice" ? "thread.writing_down" : "thread.sending";
  return text === "" ? "thread.nothing_heard" : null;
}
