/**
 * The conversation: one bubble for each line, in spoken order. It scrolls to new lines only while the
 * reader is at the end.
 *
 * A conversation may have thousands of lines. A redraw touches only the bubbles that changed, and the
 * browser lays out and paints only those near the window (`content-visibility` in the style), which
 * keeps all of them for its search and for screen readers. A long conversation is drawn from its end
 * on, the beginning in short tasks after the first paint.
 */

import { LazyLexer } from "../markdown/lexer.js";
import { partKey } from "../transcript/item.js";
import { SteadyMap } from "../transcript/steady-map.js";
import { dayStarts, TurnTimes } from "../transcript/turn-times.js";
import { Bubble, mayBeMarkdown } from "./bubble.js";
import { byId } from "./elements.js";
import { LineList } from "./line-list.js";
import { Rows } from "./rows.js";

/** @import { ShownLine } from "../transcript/shown-lines.js" */
/** @import { BubbleParts } from "./bubble.js" */

/** @typedef {Omit<BubbleParts, "timeOf" | "isNewDay">} ThreadParts */

/** A reader no further from the end than this follows new lines. */
const NEAR_END_PX = 96;
/** How long a task may draw older lines, so that a key or a word that comes waits no longer. */
const TASK_MS = 6;
/** Older lines that are drawn between two looks at the clock. */
const LINES_AT_ONCE = 5;

export class Thread {
  #parts;
  #times = new TurnTimes();
  /** The days of the lines. @type {SteadyMap<ShownLine, number | null>} */
  #days = new SteadyMap();
  /** The keys of the lines above which a date stands. @type {ReadonlySet<string>} */
  #dayStarts = new Set();
  #lexer = new LazyLexer();
  #thread = byId("thread", HTMLDivElement);
  #list = byId("lines", HTMLDivElement);
  #lineList = new LineList(this.#list);
  #empty = byId("empty", HTMLDivElement);
  #loading = byId("loading", HTMLParagraphElement);
  #toLatest = byId("to-latest", HTMLButtonElement);
  /** @type {Rows<ShownLine, Bubble>} */
  #rows = new Rows({
    keyOf,
    isSame: looksSame,
    make: () => new Bubble(this.#parts),
    draw: (bubble, line) => bubble.show(line, this.#lexer.lex),
    place: ({ element }, next) => this.#lineList.place(element, next?.element ?? null),
    remove: ({ element }) => this.#lineList.remove(element),
  });
  /** Whether the lines have bubbles. @type {SteadyMap<ShownLine, boolean>} */
  #areShown = new SteadyMap();
  /** Whether a task that draws older lines is on its way. */
  #isDrawingOlder = false;
  /** What the reader sees first, and where, while older lines are drawn.
   * @type {{ line: Element, top: number } | null} */
  #anchor = null;
  /** What can be heard again, as it is drawn. @type {Map<string, boolean>} */
  #playable = new Map();
  /** @type {ShownLine[]} */
  #lines = [];
  /** @type {"shown" | "loading" | "failed"} */
  #phase = "shown";
  #isAtEnd = true;
  #height = 0;

  /** @param {ThreadParts} parts */
  constructor(parts) {
    this.#parts = Object.freeze({
      ...parts,
      timeOf: (/** @type {ShownLine} */ line) => this.#times.of(line),
      isNewDay: (/** @type {ShownLine} */ line) => this.#dayStarts.has(keyOf(line)),
    });
    // A scroll event caused by a change of height says nothing about what the reader wants.
    const scrolled = () => {
      this.#findAnchor();
      if (this.#thread.clientHeight === this.#height) this.#scrolled();
    };
    this.#thread.addEventListener("scroll", scrolled, { passive: true });
    this.#toLatest.addEventListener("click", () => {
      this.focus();
      this.#goToEnd();
    });
    // Called before the frame is painted. A redraw that asked for heights would lay out the lines twice;
    // the height of lines far from the window is estimated until they come near.
    const resized = new ResizeObserver(() => this.#resized());
    resized.observe(this.#thread);
    resized.observe(this.#list);
  }

  /** @param {ShownLine[]} lines */
  show(lines) {
    const wasEmpty = this.#phase === "shown" && this.#lines.length === 0;
    this.#phase = "shown";
    const areShown = this.#areShown.map(lines, (line, _, known) => known ?? hasBubble(line));
    this.#lines = lines.filter((_, index) => areShown[index]);
    this.#drawAll();
    if (this.#lines.length === 0 && !wasEmpty) this.#thread.scrollTop = 0;
    if (!this.#lexer.lex && this.#lines.some(mayBeMarkdown)) void this.#loadLexer();
  }

  /** Show that another conversation is being loaded.
   * @param {ShownLine[]} lines What was sent to it meanwhile. */
  load(lines) {
    this.#phase = "loading";
    // It probably has written answers.
    void this.#lexer.load();
    this.#isAtEnd = true;
    this.#lines = lines;
    this.#drawAll();
  }

  /** Loading failed: show nothing, and not the welcome of an empty conversation. */
  fail() {
    this.#phase = "failed";
    this.#lines = [];
    this.#drawAll();
  }

  /** Write the texts in the current language. */
  relabel() {
    this.#rows.redraw();
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
    const before = this.#dayStarts;
    this.#dayStarts = this.#findDayStarts();
    this.#rows.show(this.#lines);
    for (const key of new Set([...before, ...this.#dayStarts])) {
      if (before.has(key) !== this.#dayStarts.has(key))
        this.#rows.get(key)?.refresh(this.#lexer.lex);
    }
    this.#drawPlayable();
    this.#placeMark();
    if (this.#rows.hasMore) this.#list.ariaBusy = "true";
    this.#drawOlderSoon();
  }

  #drawOlderSoon() {
    if (this.#isDrawingOlder || !this.#list.ariaBusy) return;
    this.#isDrawingOlder = true;
    setTimeout(() => {
      this.#isDrawingOlder = false;
      this.#drawOlder();
    });
  }

  /** Draw as many of the older lines as a short task can. What the reader sees stays where it is. */
  #drawOlder() {
    if (!this.#rows.hasMore) {
      this.#list.ariaBusy = null;
      this.#anchor = null;
      return;
    }
    this.#findAnchor();
    const until = performance.now() + TASK_MS;
    while (this.#rows.hasMore && performance.now() < until) this.#rows.drawMore(LINES_AT_ONCE);
    this.#placeMark();
    this.#keepAnchor();
    this.#drawOlderSoon();
  }

  /** Remember what the reader sees, while older lines are drawn: then the browser does not keep its place,
   * as it does not at the very beginning, and WebKit nowhere. */
  #findAnchor() {
    const { top } = this.#thread.getBoundingClientRect();
    const line = this.#list.ariaBusy ? this.#lineList.firstBelow(top) : null;
    this.#anchor = line && { line, top: line.getBoundingClientRect().top };
  }

  /** Scroll what the reader saw back to its place. */
  #keepAnchor() {
    if (!this.#anchor?.line.isConnected) return;
    this.#thread.scrollTop += this.#anchor.line.getBoundingClientRect().top - this.#anchor.top;
    this.#findAnchor();
  }

  #findDayStarts() {
    const days = this.#days.map(this.#lines, (line, _, known) => known ?? this.#times.dayOf(line));
    const lines = dayStarts(days, this.#times.today).map((index) => this.#lines[index]);
    return new Set(lines.map((line) => (line ? keyOf(line) : "")));
  }

  /** Draw the answers again that can be heard now, or no more, or are playing. */
  #drawPlayable() {
    const before = this.#playable;
    this.#playable = this.#parts.replay.playable;
    for (const key of new Set([...before.keys(), ...this.#playable.keys()])) {
      if (before.get(key) !== this.#playable.get(key))
        this.#rows.get(key)?.refresh(this.#lexer.lex);
    }
  }

  #placeMark() {
    const line = this.#lines.find(isBelowMark);
    const bubble = line && this.#rows.get(keyOf(line));
    const text = this.#parts.words.say("thread.remembered_from");
    this.#lineList.placeMark(bubble?.element ?? null, text);
  }

  /** Load the Markdown parser, and show with it the lines that need it. */
  async #loadLexer() {
    if (this.#lexer.lex || !(await this.#lexer.load())) return;
    this.#rows.redraw();
    this.#drawAll();
  }

  #resized() {
    this.#height = this.#thread.clientHeight;
    if (this.#isAtEnd) return this.#goToEnd();
    this.#keepAnchor();
    this.#scrolled();
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

/** Whether nothing but their place in the conversation is different.
 * @param {ShownLine} a @param {ShownLine} b */
function looksSame(a, b) {
  const [ofA, ofB] = [a, b].map(({ position: _, ...shown }) => Object.entries(shown));
  const values = new Map(ofB);
  return ofA?.length === values.size && ofA.every(([name, value]) => values.get(name) === value);
}

/** Whether the mark stands above a line: above the first one, it would say nothing.
 * @param {ShownLine} line @param {number} index */
const isBelowMark = ({ isFirstRemembered }, index) => isFirstRemembered === true && index > 0;

/** Whether a line gets a bubble: not tool calls, nor answers that ended before their first word.
 * @param {ShownLine} line */
export function hasBubble({ role, status, text }) {
  if (role === "tool") return false;
  return role === "user" || text !== "" || status === "in_progress" || status === "failed";
}
