/** The list of the user's conversations, in groups of days: open one, and a menu to rename it in place, export or delete it. */

import { LIMITS } from "../shared-facts.js";
import { groupOf } from "../words/calendar.js";
import { byId, make, write } from "./elements.js";
import { icon } from "./icons.js";
import { chooseSessionAction } from "./session-menu.js";

/** @import { Session } from "../api.js" */
/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{
 *   sessionChosen: (id: string) => void, newChosen: () => void,
 *   renamed: (id: string, title: string) => void, deleteChosen: (id: string) => void,
 *   exportChosen: (id: string, title: string) => void,
 *   retryChosen: () => void,
 * }} SessionsDelegate
 * @typedef {ReturnType<typeof newRow>} Row
 */

/** The key of the text that is shown instead of the rows or below them, by phase; empty for none. */
const NOTE_BY_PHASE = /** @type {const} */ ({
  loading: "",
  filled: "",
  empty: "sessions.empty",
  not_found: "sessions.not_found",
  failed: "sessions.failed",
  again: "page.starting",
});

export class Sessions {
  #words;
  #delegate;
  #list = byId("sessions", HTMLUListElement);
  #note = byId("sessions-empty", HTMLParagraphElement);
  #retry = byId("sessions-retry", HTMLButtonElement);
  /** @type {keyof typeof NOTE_BY_PHASE} */
  #phase = "loading";
  /** @type {Session[] | null} Null until they are loaded. */
  #sessions = null;
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** The headings of the groups of days, by group. @type {Map<string, HTMLLIElement>} */
  #headings = new Map();
  #currentId = "";
  #isFound = false;
  #renamingId = "";

  /** @param {Words} words @param {SessionsDelegate} delegate */
  constructor(words, delegate) {
    this.#words = words;
    this.#delegate = delegate;
    byId("new-session", HTMLButtonElement).addEventListener("click", () => delegate.newChosen());
    this.#retry.addEventListener("click", () => delegate.retryChosen());
  }

  /** @param {Session[] | null} sessions @param {string} currentId
   * @param {boolean} isFound Whether these are the sessions that a search found. */
  show(sessions, currentId, isFound = false) {
    this.#sessions = sessions;
    this.#isFound = isFound;
    this.#currentId = currentId;
    if (!this.#renamingId) this.relabel();
  }

  /** Show that the list is being loaded again. */
  load() {
    if (this.#phase === "failed") this.#showPhase("again");
  }

  /** Show that the list could not be loaded, with a button to try again. */
  fail() {
    this.#showPhase("failed");
  }

  /** @param {keyof typeof NOTE_BY_PHASE} phase */
  #showPhase(phase) {
    this.#phase = phase;
    const hadFocus = this.#retry === document.activeElement;
    const note = NOTE_BY_PHASE[phase];
    this.#note.hidden = note === "";
    if (note) write(this.#note, this.#words.say(note));
    this.#retry.hidden = phase !== "failed" && phase !== "again";
    this.#retry.ariaDisabled = String(phase === "again");
    if (hadFocus && this.#retry.hidden) byId("new-session", HTMLButtonElement).focus();
  }

  /** Update the rows in place: replacing an element between mouse down and up would lose the click. */
  relabel() {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const hadFocus = this.#list.contains(focused);
    const sessions = this.#sessions ?? [];
    const phaseIfEmpty = this.#isFound ? "not_found" : "empty";
    if (this.#sessions) this.#showPhase(sessions.length > 0 ? "filled" : phaseIfEmpty);
    else this.#showPhase(this.#phase);
    const ids = new Set(sessions.map(({ id }) => id));
    for (const [id, { row }] of this.#rows) {
      if (ids.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    this.#place(this.#draw(sessions, new Date()));
    if (!hadFocus || focused === document.activeElement) return;
    const place = focused?.isConnected ? focused : byId("new-session", HTMLButtonElement);
    place.focus();
  }

  /** The title, or a placeholder until the server has set it from the first words.
   * @param {Session} session */
  titleOf(session) {
    return session.title || this.#words.say("sessions.new");
  }

  /** Whether the row of this session has the focus. @param {string} id */
  hasFocus(id) {
    return this.#rows.get(id)?.row.contains(document.activeElement) === true;
  }

  /** Focus the row of this session, if it is shown. @param {string} id */
  focus(id) {
    this.#rows.get(id)?.open.focus();
  }

  /** The rows and the headings between them. @param {Session[]} sessions The latest first. @param {Date} now */
  #draw(sessions, now) {
    /** @type {HTMLElement[]} */
    const items = [];
    const headings = new Map();
    for (const session of sessions) {
      const date = new Date(session.updated_at);
      const { key } = groupOf(date, now);
      if (!headings.has(key)) {
        const heading = this.#headings.get(key) ?? make("li", { class: "day" }, make("h2"));
        write(/** @type {HTMLElement} */ (heading.firstElementChild), this.#words.group(date, now));
        headings.set(key, heading);
        items.push(heading);
      }
      items.push(this.#drawRow(session, now));
    }
    for (const [key, heading] of this.#headings) if (!headings.has(key)) heading.remove();
    this.#headings = headings;
    return items;
  }

  /** @param {HTMLElement[]} items */
  #place(items) {
    for (const [index, item] of items.entries()) {
      const there = this.#list.children[index] ?? null;
      if (there !== item) this.#list.insertBefore(item, there);
    }
  }

  /** @param {Session} session @param {Date} now */
  #drawRow(session, now) {
    const known = this.#rows.get(session.id) ?? this.#add(session.id);
    const title = this.titleOf(session);
    const isCurrent = session.id === this.#currentId;
    known.row.classList.toggle("current", isCurrent);
    known.open.ariaCurrent = isCurrent ? "true" : null;
    write(known.title, title);
    known.time.dateTime = session.updated_at;
    const date = new Date(session.updated_at);
    write(known.time, this.#words.timeInGroup(date, now));
    known.time.title = this.#words.moment(date);
    known.spoken.hidden = !session.realtime_mode;
    known.spoken.title = this.#words.say("sessions.spoken");
    write(known.spokenWords, this.#words.say("sessions.spoken"));
    label(known.menu, this.#words.say("sessions.menu", { title }));
    return known.row;
  }

  /** @param {string} id */
  #add(id) {
    const row = newRow(id);
    row.open.addEventListener("click", () => this.#delegate.sessionChosen(id));
    row.menu.addEventListener("click", () => void this.#openMenu(id));
    this.#rows.set(id, row);
    return row;
  }

  /** @param {string} id */
  async #openMenu(id) {
    const session = this.#sessions?.find((one) => one.id === id);
    if (!session) return;
    const title = this.titleOf(session);
    const action = await chooseSessionAction(title);
    if (action === "rename") this.#startRenaming(id);
    if (action === "delete") this.#delegate.deleteChosen(id);
    if (action === "export") {
      this.#delegate.exportChosen(id, this.#words.say("sessions.export", { title }));
    }
  }

  /** @param {string} id */
  #startRenaming(id) {
    const session = this.#sessions?.find((one) => one.id === id);
    const row = this.#rows.get(id)?.row;
    if (!session || !row) return;
    this.#renamingId = id;
    const box = this.#renameBox(session);
    row.replaceChildren(box);
    box.focus();
    box.select();
  }

  /** @param {Session} session */
  #renameBox(session) {
    const input = make("input", {
      class: "rename",
      dir: "auto",
      maxlength: String(LIMITS.titleCharacters),
      value: session.title,
      "aria-label": this.#words.say("sessions.rename_label"),
    });
    const finish = (/** @type {boolean} */ isConfirmed) => {
      if (this.#renamingId !== session.id) return;
      this.#renamingId = "";
      const title = input.value.trim();
      if (isConfirmed && title && title !== session.title)
        this.#delegate.renamed(session.id, title);
      const hadFocus = document.activeElement === input;
      const known = this.#rows.get(session.id);
      known?.row.replaceChildren(known.open, known.menu);
      if (hadFocus) known?.menu.focus();
      this.relabel();
    };
    input.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key !== "Enter" && event.key !== "Escape") return;
      // `finish` moves the focus to a button, which this key event would then click.
      event.preventDefault();
      event.stopPropagation();
      finish(event.key === "Enter");
    });
    input.addEventListener("blur", () => finish(true));
    return input;
  }
}

/** @param {HTMLButtonElement} button @param {string} words */
function label(button, words) {
  button.ariaLabel = words;
  button.title = words;
}

/** @param {string} id */
function newRow(id) {
  const title = make("span", { class: "session-title" });
  const time = make("time");
  const spokenWords = make("span", { class: "visually-hidden" });
  const spoken = make("span", { class: "spoken" }, icon("wave"), spokenWords);
  const meta = make("span", { class: "session-meta" }, time, spoken);
  const open = make("button", { type: "button", class: "session" }, title, meta);
  const look = { type: "button", class: "icon-button session-more", "aria-haspopup": "dialog" };
  const menu = make("button", look, icon("more"));
  const row = make("li", { "data-session": id }, open, menu);
  return { row, open, menu, title, time, spoken, spokenWords };
}
