/** The list of the user's conversations: loaded, kept up to date, and renamed. */

import { Latest } from "../latest.js";
import { errorText } from "./error-text.js";

/** @import { Api, Session } from "../api.js" */
/** @import { Drafts } from "../storage/drafts.js" */
/** @import { Announcer } from "../views/announcer.js" */
/** @import { Drawer } from "../views/drawer.js" */
/** @import { Sessions } from "../views/sessions.js" */
/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{
 *   api: Api, words: Words, drafts: Drafts,
 *   view: Pick<Sessions, "show" | "load" | "fail" | "titleOf">,
 *   drawer: Pick<Drawer, "showError">,
 *   announcer: Pick<Announcer, "say">,
 *   showTitle: (title: string | null) => void,
 * }} SessionListParts `showTitle` is given null for a conversation without a session.
 * @typedef {{
 *   openId: () => string | null, isSignedIn: () => boolean, openDeleted: () => void,
 *   refreshed: (session: Session) => void,
 * }} SessionListDelegate `openDeleted` is called when the open conversation was deleted, `refreshed` with
 *   the server's version of a session that got a turn.
 */

/** The server stores turns and names sessions with a delay; then the list is refreshed. */
export const REFRESH_DELAY_MS = 1500;
/** How often a session without turns is requested again at most, as a busy server takes longer. */
export const MAX_REFRESHES = 5;

/** Whether the server has stored a turn. @param {Session} session */
const hasTurns = (session) => session.turn_count > 0;

/**
 * Whether a session has a turn, a call or a title. One that was only created is not listed.
 *
 * @param {Session} session
 */
export const wasUsed = (session) =>
  hasTurns(session) || session.call_count > 0 || session.title !== "";

/** The sessions that the list shows, the latest first. */
export class SessionList {
  #parts;
  #delegate;
  /** @type {Session[] | null} Null until they are loaded. */
  #sessions = null;
  /** @type {Set<string> | null} The ids that a search found; null without a search. */
  #found = null;
  /** Of several requests for the list, the latest counts. */
  #listing = new Latest();
  /** Each change by the user outdates requests that began before it. */
  #edits = new Latest();
  /** @type {Set<string>} Sessions that got a turn on this page, which the list may not have yet. */
  #used = new Set();
  /** @type {Map<string, number>} Sessions to be requested again, and how often they may be. */
  #outdated = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #refreshTimer;

  /** @param {SessionListParts} parts @param {SessionListDelegate} delegate */
  constructor(parts, delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
  }

  async load() {
    const { api, view, announcer, words } = this.#parts;
    const signal = this.#listing.next();
    view.load();
    const sessions = await api.sessions().catch(() => null);
    if (signal.aborted) return;
    if (!sessions) {
      announcer.say(words.say("sessions.failed"));
      return view.fail();
    }
    this.#sessions = sessions;
    this.show();
  }

  /** The user signed out: drop the list and whatever is under way. */
  clear() {
    this.#sessions = null;
    this.#found = null;
    this.#listing.cancel();
    this.#edits.next();
    this.#stopRefresh();
    this.show();
  }

  /** Show the sessions worth a row, and the title of the open one. */
  show() {
    const { view, drafts, showTitle } = this.#parts;
    const openId = this.#delegate.openId();
    const isListed = (/** @type {Session} */ session) =>
      session.id === openId ||
      this.#used.has(session.id) ||
      wasUsed(session) ||
      drafts.has(session.id);
    const found = this.#found;
    const isShown = found ? (/** @type {Session} */ { id }) => found.has(id) : isListed;
    view.show(this.#sessions?.filter(isShown) ?? null, openId ?? "", found !== null);
    const open = openId === null ? undefined : this.get(openId);
    showTitle(open ? view.titleOf(open) : null);
  }

  /** Show only these sessions, which a search found; null: all. @param {string[] | null} ids */
  filter(ids) {
    this.#found = ids && new Set(ids);
    this.show();
  }

  /** Add a session, or replace it by its new version. @param {Session} session */
  put(session) {
    // If the others are not loaded, this one must not look like all.
    if (!this.#sessions) return void this.load();
    const others = this.#sessions.filter(({ id }) => id !== session.id);
    this.#sessions = [session, ...others].sort((a, b) => b.updated_at.localeCompare(a.updated_at));
    this.show();
  }

  /** The session of this id, as far as it is known. @param {string} id */
  get(id) {
    return this.#sessions?.find((one) => one.id === id);
  }

  /** Replace a session by the version that a change by the user made. Responses to requests that began
   * before the change are outdated. @param {Session} session */
  replace(session) {
    this.#edits.next();
    if (this.get(session.id)) this.put(session);
  }

  /** Take a session that was deleted out of the list. @param {string} id */
  remove(id) {
    this.#edits.next();
    this.#outdated.delete(id);
    if (!this.get(id)) return;
    this.#sessions = (this.#sessions ?? []).filter((one) => one.id !== id);
    // Only now: a call in a session that could not be deleted goes on.
    if (id === this.#delegate.openId()) this.#delegate.openDeleted();
    else this.show();
  }

  /** This session got a turn: refresh it shortly. @param {string} id */
  turnCompleted(id) {
    this.#used.add(id);
    this.#refreshSoon(id, MAX_REFRESHES);
  }

  /** Request a session again, which may have a title or turns from elsewhere. One that is not listed, such
   * as another user's, stays so. @param {string} id */
  async refresh(id) {
    if (this.get(id)) await this.#refresh(id, 1);
  }

  /** @param {string} id @param {string} title */
  async rename(id, title) {
    const { api, drawer } = this.#parts;
    drawer.showError("");
    try {
      this.replace(await api.renameSession(id, title));
    } catch (error) {
      this.#showError("sessions.rename.failed", error);
      this.show();
    }
  }

  /** @param {string} id @param {number} count How many requests may be made. */
  #refreshSoon(id, count) {
    this.#outdated.set(id, count);
    // Not restarted by the next turn, so that a talk without a pause is refreshed as well.
    this.#refreshTimer ??= setTimeout(() => {
      const outdated = [...this.#outdated];
      this.#stopRefresh();
      for (const each of outdated) void this.#refresh(...each);
    }, REFRESH_DELAY_MS);
  }

  /** @param {string} id @param {number} count @returns {Promise<void>} */
  async #refresh(id, count) {
    const { signal } = this.#edits;
    const session = await this.#parts.api.session(id).catch(() => null);
    if (!session) return;
    // Unless it was deleted meanwhile, or another user signed in.
    if (signal.aborted) return this.get(id) ? this.#refresh(id, count) : undefined;
    this.put(session);
    this.#delegate.refreshed(session);
    if (!hasTurns(session) && count > 1) this.#refreshSoon(id, count - 1);
  }

  #stopRefresh() {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = undefined;
    this.#outdated.clear();
  }

  /** @param {string} key The sentence about what failed, as a key of the words. @param {unknown} error */
  #showError(key, error) {
    const { drawer, words } = this.#parts;
    const why = errorText(words, error);
    if (this.#delegate.isSignedIn()) drawer.showError(words.say(key, { why }));
  }
}
