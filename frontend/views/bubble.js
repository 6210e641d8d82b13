/** One line of the conversation: its text, a note below it, its time, and buttons to copy it and to hear it
 * again. */

import { autolinked } from "../markdown/autolink.js";
import { isNotTranscribed } from "../transcript/past.js";
import { canCopy, copyButton } from "./copy-button.js";
import { make } from "./elements.js";
import { icon } from "./icons.js";
import { MarkdownView } from "./markdown.js";

/** @import { Lex } from "../markdown/lexer.js" */
/** @import { Replay } from "../page/replay.js" */
/** @import { ShownLine } from "../transcript/shown-lines.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { Announcer } from "./announcer.js" */

/**
 * @typedef {{
 *   words: Words, announcer: Pick<Announcer, "say">, retryChosen: (itemId: string) => void,
 *   replay: Pick<Replay, "has" | "isPlaying" | "playable" | "toggle">,
 *   timeOf: (line: ShownLine) => Date | null, isNewDay: (line: ShownLine) => boolean,
 * }} BubbleParts `retryChosen` sends a failed message again; `isNewDay`: whether a date stands above the
 *   line.
 */

/** A link opens beside the conversation, whose call goes on. */
const LINK = Object.freeze({ target: "_blank", rel: "noopener noreferrer" });

export class Bubble {
  #parts;
  #speaker = make("span", { class: "visually-hidden" });
  #text = make("div", { class: "text" });
  #actions = make("div", { class: "line-actions" });
  #markdown;
  #time = make("time", { class: "line-time" });
  /** @type {HTMLElement | null} */
  #day = null;
  /** @type {HTMLElement | null} */
  #note = null;
  /** @type {HTMLElement | null} */
  #source = null;
  /** @type {HTMLButtonElement | null} */
  #copy = null;
  /** @type {HTMLButtonElement | null} */
  #again = null;
  /** @type {ShownLine | null} */
  #line = null;
  /** What is drawn, to draw only what changed. @type {unknown[]} */
  #drawn = [];
  #language = "";
  #isMarkdown = false;

  /** @param {BubbleParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.element = make(
      "div",
      { class: "line", role: "listitem" },
      this.#speaker,
      this.#text,
      this.#actions,
    );
    this.#markdown = new MarkdownView(this.#text, parts.words, parts.announcer);
  }

  /** Draw the last line again: whether its sound can be played, or is, changed. @param {Lex | null} lex */
  refresh(lex) {
    if (this.#line) this.show(this.#line, lex);
  }

  /** @param {ShownLine} line @param {Lex | null} lex Null while the Markdown parser is not loaded. */
  show(line, lex) {
    const isMarkdown = lex !== null && mayBeMarkdown(line);
    const { replay, words } = this.#parts;
    const canPlay = line.status !== "in_progress" && isSpokenAnswer(line) && replay.has(line);
    const isPlaying = canPlay && replay.isPlaying(line);
    const time = this.#parts.timeOf(line);
    const isNewDay = time !== null && this.#parts.isNewDay(line);
    const drawn = [
      words.language,
      line.shown,
      line.text,
      line.heardText,
      line.status,
      line.isPending,
      line.isHeldBack,
      line.failure,
      line.isReported,
      isMarkdown,
      canPlay,
      isPlaying,
      time?.getTime(),
      isNewDay,
    ];
    if (this.#drawn.length > 0 && drawn.every((value, index) => value === this.#drawn[index])) {
      this.#line = line;
      return;
    }
    if (this.#language !== words.language) this.#forget();
    this.#language = words.language;
    this.#drawn = drawn;
    this.#line = line;
    Object.assign(this.element.dataset, {
      role: line.role,
      status: line.status,
      modality: line.modality,
      item: line.itemId,
    });
    this.#speaker.textContent = `${this.#parts.words.say(speakerKey(line))}: `;
    if (!isMarkdown || !this.#isMarkdown) this.#markdown.clear();
    if (isMarkdown) this.#markdown.show(line.shown, lex, line.status !== "in_progress");
    else this.#showPlain(line);
    this.#isMarkdown = isMarkdown;
    this.#text.classList.toggle("markdown", isMarkdown);
    this.#showTime(time, isNewDay);
    this.#showNote(line);
    this.#showSource(line);
    this.#showCopy(line);
    this.#showAgain(canPlay, isPlaying);
  }

  /** The language changed: make everything again. */
  #forget() {
    this.#markdown.clear();
    this.#actions.replaceChildren();
    this.#copy = null;
    this.#again = null;
  }

  /** @param {ShownLine} line */
  #showPlain(line) {
    const note = noteKey(line);
    if (line.shown) this.#writeText(line);
    else if (note) {
      this.#text.append(make("span", { class: "waiting" }, this.#parts.words.say(note)));
    }
  }

  /** Mark the part of an interrupted answer that was not heard, for the eye and for screen readers.
   * @param {ShownLine} line */
  #writeText(line) {
    const { shown } = line;
    const heard = isCutOff(line) ? (line.heardText ?? "") : shown;
    const unheard = shown.slice(heard.length);
    const words = unheard.trimStart();
    // The address of a text that still grows, or is cut off, may be another one.
    const isWhole = line.status !== "in_progress" && heard === line.text;
    this.#text.append(...(isWhole ? linked(heard) : [heard]));
    this.#text.append(unheard.slice(0, unheard.length - words.length));
    if (!words) return;
    this.#text.append(
      make(
        "s",
        { class: "unheard" },
        make(
          "span",
          { class: "visually-hidden" },
          ` (${this.#parts.words.say("thread.not_heard")}) `,
        ),
        words,
      ),
    );
  }

  /** @param {Date | null} time @param {boolean} isNewDay */
  #showTime(time, isNewDay) {
    const { words } = this.#parts;
    this.#time.remove();
    if (time) {
      this.#time.dateTime = time.toISOString();
      this.#time.textContent = words.time(time);
      this.#time.title = words.moment(time);
      this.#actions.prepend(this.#time);
    }
    this.#day?.remove();
    this.#day = null;
    if (!time || !isNewDay) return;
    this.#day = make("p", { class: "day-start" }, words.day(time, new Date()));
    this.element.prepend(this.#day);
  }

  /** @param {ShownLine} line */
  #showNote(line) {
    this.#note?.remove();
    this.#note = this.#newNote(line);
    if (this.#note) this.#text.after(this.#note);
  }

  /** Say of what only a browser saw that nobody has verified it. @param {ShownLine} line */
  #showSource(line) {
    this.#source?.remove();
    const source = sourceKey(line);
    this.#source =
      source === null ? null : make("p", { class: "note reported" }, this.#parts.words.say(source));
    if (this.#source) (this.#note ?? this.#text).after(this.#source);
  }

  /** @param {ShownLine} line */
  #newNote(line) {
    if (line.failure !== undefined) return this.#failure(line.itemId, line.failure);
    const note = noteKey(line);
    // Without a text the note is in its place.
    if (!line.shown || !note) return null;
    return make("p", { class: "note" }, this.#parts.words.say(note));
  }

  /** @param {string} itemId @param {string} why @returns {HTMLElement} */
  #failure(itemId, why) {
    const retry = make(
      "button",
      { type: "button", class: "button quiet retry" },
      this.#parts.words.say("action.retry"),
    );
    retry.addEventListener("click", () => this.#parts.retryChosen(itemId));
    return make("p", { class: "note failure" }, why, " ", retry);
  }

  /** @param {ShownLine} line */
  #showCopy(line) {
    const isShown = canCopy() && line.status !== "in_progress" && textToCopy(line) !== "";
    if (!isShown) {
      this.#copy?.remove();
      this.#copy = null;
    } else if (!this.#copy) {
      const { words, announcer } = this.#parts;
      const text = () => (this.#line ? textToCopy(this.#line) : "");
      this.#copy = copyButton(words, announcer, "copy.message", text);
      this.#actions.append(this.#copy);
    }
  }

  /** @param {boolean} canPlay @param {boolean} isPlaying */
  #showAgain(canPlay, isPlaying) {
    if (!canPlay) {
      this.#again?.remove();
      this.#again = null;
      return;
    }
    this.#again ??= this.#newAgain();
    const label = this.#parts.words.say(isPlaying ? "replay.stop" : "replay.start");
    this.#again.ariaLabel = label;
    this.#again.title = label;
    this.#again.dataset.playing = String(isPlaying);
    this.#again.replaceChildren(icon(isPlaying ? "stop" : "loud"));
  }

  #newAgain() {
    const button = make("button", { type: "button", class: "icon-button again" });
    button.addEventListener("click", () => {
      if (this.#line) this.#parts.replay.toggle(this.#line);
    });
    this.#actions.append(button);
    return button;
  }
}

/** A text whose addresses are links. @param {string} text */
const linked = (text) =>
  autolinked(text).map((piece) =>
    piece.href === null ? piece.text : make("a", { href: piece.href, ...LINK }, piece.text),
  );

/**
 * Whether its text is shown as Markdown: written answers are. In a spoken answer the part that was heard
 * is marked by its characters, and what users write is shown as they wrote it.
 *
 * @param {ShownLine} line
 */
export function mayBeMarkdown({ role, modality, heardText, shown }) {
  return role === "assistant" && modality === "text" && heardText === null && shown !== "";
}

/** @param {ShownLine} line */
const isSpokenAnswer = ({ role, modality }) => role === "assistant" && modality === "voice";

/** What the copy button copies: the text as it was written (Markdown), or the words that were heard.
 * @param {ShownLine} line */
export function textToCopy(line) {
  return isCutOff(line) ? (line.heardText ?? "") : line.text;
}

/** Whether a part of the answer was not heard. @param {ShownLine} line */
function isCutOff({ status, heardText, shown }) {
  return status === "interrupted" && heardText !== null && shown.startsWith(heardText);
}

/** @param {ShownLine} line */
const speakerKey = (line) => (line.role === "user" ? "thread.you" : "thread.assistant");

/** Where the server has a line from, if that is to be said. @param {ShownLine} line
 * @returns {string | null} The key of a text. */
export const sourceKey = ({ isReported }) => (isReported === true ? "thread.reported" : null);

/**
 * The note below the text of a line, or in place of it.
 *
 * @param {ShownLine} line
 * @returns {string | null} The key of a text.
 */
export function noteKey(line) {
  const { role, status, shown, modality, isPending, isHeldBack } = line;
  if (isHeldBack) return "thread.not_sent";
  if (isPending) return "thread.sending";
  if (isNotTranscribed(line)) return "thread.not_transcribed";
  const isUser = role === "user";
  if (status === "failed") return isUser ? "thread.failed_user" : "thread.failed_assistant";
  if (status === "interrupted" && !isUser) return "thread.cut_off";
  if (shown !== "") return null;
  if (!isUser) return "thread.preparing";
  if (status !== "in_progress") return null;
  return modality === "voice" ? "thread.writing_down" : "thread.sending";
}
