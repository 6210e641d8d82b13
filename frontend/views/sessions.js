/** The list of one's conversations: open, rename in place, delete. */

import { byId, make, write } from "./elements.js";
import { icon } from "./icons.js";

/** @import { Session } from "../api.js" */
/** @import { Words } from "../i18n.js" */

/**
 * @typedef {{
 *   sessionChosen: (id: string) => void, newChosen: () => void,
 *   renamed: (id: string, title: string) => void, deleteChosen: (id: string) => void,
 * }} SessionsDelegate
 */

export class Sessions {
  #words;
  #delegate;
  #list = byId("sessions", HTMLUListElement);
  #empty = byId("sessions-empty", HTMLParagraphElement);
  /** @type {Session[] | null} Null until they are loaded. */
  #sessions = null;
  #currentId = "";
  #renamingId = "";

  /** @param {Words} words @param {SessionsDelegate} delegate */
  constructor(words, delegate) {
    this.#words = words;
    this.#delegate = delegate;
    byId("new-session", HTMLButtonElement).addEventListener("click", () => delegate.newChosen());
  }

  /** @param {Session[] | null} sessions @param {string} currentId */
  show(sessions, currentId) {
    this.#sessions = sessions;
    this.#currentId = currentId;
    if (!this.#renamingId) this.relabel();
  }

  /** They could not be loaded. */
  fail() {
    this.#empty.hidden = false;
    write(this.#empty, this.#words.say("sessions.failed"));
  }

  /** Draws the list anew, with the focus where it was. */
  relabel() {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.focus;
    const hadFocus = this.#list.contains(document.activeElement);
    this.#empty.hidden = this.#sessions?.length !== 0;
    write(this.#empty, this.#words.say("sessions.empty"));
    this.#list.replaceChildren(...(this.#sessions ?? []).map((session) => this.#row(session)));
    if (!hadFocus) return;
    const place = focused && this.#list.querySelector(`[data-focus="${CSS.escape(focused)}"]`);
    const button = place || byId("new-session", HTMLButtonElement);
    /** @type {HTMLElement} */ (button).focus();
  }

  /** @param {Session} session */
  titleOf(session) {
    return session.title || this.#words.say("sessions.untitled");
  }

  /** @param {Session} session */
  #row(session) {
    const isCurrent = session.id === this.#currentId;
    const row = make("li", { "data-session": session.id, class: isCurrent ? "current" : "" });
    if (session.id === this.#renamingId) row.append(this.#renameBox(session));
    else row.append(this.#openButton(session, isCurrent), this.#actions(session));
    return row;
  }

  /** @param {Session} session @param {boolean} isCurrent */
  #openButton(session, isCurrent) {
    const at = new Date(session.updated_at);
    const meta = make(
      "span",
      { class: "session-meta" },
      make("time", { datetime: session.updated_at }, this.#words.day(at, new Date())),
    );
    if (session.realtime_mode) {
      meta.append(
        make(
          "span",
          { class: "spoken", title: this.#words.say("sessions.spoken") },
          icon("microphone"),
          make("span", { class: "unseen" }, this.#words.say("sessions.spoken")),
        ),
      );
    }
    const button = make(
      "button",
      {
        type: "button",
        class: "session",
        "data-focus": session.id,
        "aria-current": isCurrent && "true",
      },
      make("span", { class: "session-title" }, this.titleOf(session)),
      meta,
    );
    button.addEventListener("click", () => this.#delegate.sessionChosen(session.id));
    return button;
  }

  /** @param {Session} session */
  #actions(session) {
    const title = this.titleOf(session);
    const rename = this.#iconButton("pencil", "sessions.rename", title, `rename ${session.id}`);
    rename.addEventListener("click", () => this.#startRenaming(session.id));
    const remove = this.#iconButton("bin", "sessions.delete", title, `delete ${session.id}`);
    remove.addEventListener("click", () => this.#delegate.deleteChosen(session.id));
    return make("span", { class: "session-actions" }, rename, remove);
  }

  /** @param {string} name @param {string} key @param {string} title @param {string} focus */
  #iconButton(name, key, title, focus) {
    const label = this.#words.say(key, { title });
    const attributes = { type: "button", class: "icon-button", "aria-label": label, title: label };
    return make("button", { ...attributes, "data-focus": focus }, icon(name));
  }

  /** @param {string} id */
  #startRenaming(id) {
    this.#renamingId = id;
    this.relabel();
    const box = this.#list.querySelector("input");
    box?.focus();
    box?.select();
  }

  /** @param {Session} session */
  #renameBox(session) {
    const input = make("input", {
      class: "rename",
      maxlength: "200",
      value: session.title,
      "aria-label": this.#words.say("sessions.rename_label"),
    });
    const finish = (/** @type {boolean} */ isKept) => {
      if (this.#renamingId !== session.id) return;
      this.#renamingId = "";
      const title = input.value.trim();
      if (isKept && title !== session.title) this.#delegate.renamed(session.id, title);
      const hadFocus = document.activeElement === input;
      this.relabel();
      const place = this.#list.querySelector(`[data-focus="rename ${CSS.escape(session.id)}"]`);
      if (hadFocus) /** @type {HTMLElement | null} */ (place)?.focus();
    };
    input.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key !== "Enter" && event.key !== "Escape") return;
      // The focus goes to a button now, which this very key would press.
      event.preventDefault();
      event.stopPropagation();
      finish(event.key === "Enter");
    });
    input.addEventListener("blur", () => finish(true));
    return input;
  }
}
