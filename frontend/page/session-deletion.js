/** Deletes conversations from the list, and offers for a while to undo that. */

import { ApiError } from "../api.js";
import { errorText } from "./error-text.js";

/** @import { Api } from "../api.js" */
/** @import { Drafts } from "../storage/drafts.js" */
/** @import { Announcer } from "../views/announcer.js" */
/** @import { Drawer } from "../views/drawer.js" */
/** @import { Sessions } from "../views/sessions.js" */
/** @import { UndoToast } from "../views/undo-toast.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { SessionList } from "./session-list.js" */

/**
 * @typedef {{
 *   api: Pick<Api, "deleteSession" | "restoreSession">, words: Words, drafts: Pick<Drafts, "save">,
 *   list: Pick<SessionList, "get" | "put" | "remove">,
 *   view: Pick<Sessions, "titleOf" | "hasFocus" | "focus">,
 *   toast: Pick<UndoToast, "show" | "hide" | "focus" | "hasFocus">,
 *   drawer: Pick<Drawer, "showError">, announcer: Pick<Announcer, "say">,
 * }} SessionDeletionParts
 * @typedef {{ openId: () => string | null, show: (id: string) => void, signal: () => AbortSignal }} SessionDeletionDelegate
 *   `show` opens a conversation without moving the focus; `signal` is aborted when the user signs out.
 * @typedef {{ id: string, title: string, wasOpen: boolean }} Deleted
 */

/** How long undoing is offered. The server restores a session for an hour. */
export const UNDO_SHOWN_MS = 20_000;

export class SessionDeletion {
  #parts;
  #delegate;
  /** @type {Deleted[]} What can be undone, the latest last. */
  #deleted = [];
  #isUndoing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {SessionDeletionParts} parts @param {SessionDeletionDelegate} delegate */
  constructor(parts, delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
  }

  /** Delete a session at once. @param {string} id */
  async delete(id) {
    const { api, drafts, drawer, list } = this.#parts;
    if (!list.get(id)) return;
    const signal = this.#delegate.signal();
    drawer.showError("");
    try {
      await api.deleteSession(id);
    } catch (error) {
      if (signal.aborted) return;
      const isGone = error instanceof ApiError && error.status === 404;
      if (!isGone) return this.#showError("sessions.delete.failed", error);
      list.remove(id);
      return drafts.save(id, []);
    }
    if (!signal.aborted) this.#removeFromList(id);
  }

  /** Bring back the session that was deleted last. */
  async undo() {
    const { api, words, announcer, drawer, list, toast, view } = this.#parts;
    const latest = this.#deleted.at(-1);
    if (!latest || this.#isUndoing) return;
    const signal = this.#delegate.signal();
    this.#isUndoing = true;
    drawer.showError("");
    try {
      const session = await api.restoreSession(latest.id);
      if (signal.aborted) return;
      this.#forget(latest);
      list.put(session);
      announcer.say(words.say("sessions.restored", { title: latest.title }));
      if (latest.wasOpen && this.#delegate.openId() === null) this.#delegate.show(latest.id);
      if (toast.hasFocus) view.focus(latest.id);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 404) this.#forget(latest);
      this.#showError("sessions.restore.failed", error);
    } finally {
      this.#isUndoing = false;
    }
    this.#show();
  }

  /** Stop offering to undo. */
  dismiss() {
    for (const { id } of this.#deleted) this.#parts.drafts.save(id, []);
    this.clear();
  }

  /** The user signed out: forget what was deleted. */
  clear() {
    this.#deleted = [];
    this.#show();
  }

  /** The offer stays while the pointer or the keyboard's focus is on it. @param {boolean} isAttended */
  attended(isAttended) {
    clearTimeout(this.#timer);
    if (isAttended || this.#deleted.length === 0) return;
    this.#timer = setTimeout(() => this.dismiss(), UNDO_SHOWN_MS);
  }

  /** Write the text in the current language. */
  relabel() {
    const { toast, words } = this.#parts;
    const latest = this.#deleted.at(-1);
    if (latest) toast.show(words.say("sessions.deleted", { title: latest.title }));
  }

  /** @param {string} id */
  #removeFromList(id) {
    const { words, announcer, list, toast, view } = this.#parts;
    const session = list.get(id);
    if (!session) return;
    const title = view.titleOf(session);
    const hadFocus = view.hasFocus(id);
    this.#deleted.push({ id, title, wasOpen: id === this.#delegate.openId() });
    list.remove(id);
    announcer.say(words.say("sessions.deleted", { title }));
    this.#show();
    // The button that had it is gone, and this one is what the user may want next.
    if (hadFocus) toast.focus();
  }

  /** @param {Deleted} undone */
  #forget(undone) {
    this.#deleted = this.#deleted.filter((one) => one !== undone);
  }

  #show() {
    if (this.#deleted.length === 0) this.#parts.toast.hide();
    else this.relabel();
    this.attended(false);
  }

  /** @param {string} key The sentence about what failed, as a key of the words. @param {unknown} error */
  #showError(key, error) {
    const { drawer, words } = this.#parts;
    drawer.showError(words.say(key, { why: errorText(words, error) }));
  }
}
