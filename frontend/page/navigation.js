/** Which conversation is open: its session, its address, and messages that were left behind unsent. */

import { Latest } from "../latest.js";
import { unsentText } from "../storage/drafts.js";

/** @import { Api, Session, SessionSettingsFields } from "../api.js" */
/** @import { Drafts, Unsent } from "../storage/drafts.js" */
/** @import { Account } from "./account.js" */
/** @import { SessionAddress } from "./address.js" */
/** @import { SessionList } from "./session-list.js" */
/** @import { Talk } from "./talk.js" */

/**
 * @typedef {{
 *   api: Api, drafts: Drafts,
 *   account: Pick<Account, "user" | "signal">,
 *   address: Pick<SessionAddress, "sessionId" | "isOurs" | "replace">,
 *   list: Pick<SessionList, "show" | "put" | "remove">,
 *   talk: Pick<Talk, "open" | "close" | "client" | "unsent" | "restore" | "isUnused" | "forgetSession">,
 *   fieldsOfNew: () => SessionSettingsFields,
 * }} ConversationParts `fieldsOfNew` are those of a session that is created.
 * @typedef {{
 *   id: string | null, isNew: boolean, creating: Promise<string> | null, found: Unsent[], unsent: Unsent[],
 *   signal: AbortSignal,
 * }} Open `id` is null until the session exists, and `creating` while it is created; `isNew`: it is created
 *   here; `found` are drafts that were not put back into the
 *   message box yet; `unsent` are messages that were left behind while the session was being created;
 *   `signal` is aborted when another conversation is opened.
 */

/** Opens conversations, and creates the session of a new one. */
export class Navigation {
  #parts;
  #opened = new Latest();
  /** @type {Open | null} Null when nobody is signed in. */
  #open = null;

  /** @param {ConversationParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** The open session, or null. */
  get sessionId() {
    return this.#open?.id ?? null;
  }

  /** Open what the address names. */
  async openAddress() {
    await this.open(this.#parts.address.sessionId);
  }

  /** The hash changed. Following a link within the page, or to the open session, ends no call. */
  addressChanged() {
    const { address } = this.#parts;
    if (address.isOurs && address.sessionId !== this.sessionId) void this.openAddress();
  }

  /** Open a session, or null for a new one. Harmless when it is open. @param {string | null} id */
  async open(id) {
    const { account, drafts, list, talk } = this.#parts;
    if (!account.user || (id === this.sessionId && id !== null)) return;
    this.saveUnsent();
    // Messages left behind here go to the session that is being created for them.
    if (this.#open?.creating) drafts.save("", []);
    const left = this.#open;
    const isLeftUnused = talk.isUnused;
    const signal = this.#opened.next();
    const found = drafts.take(id ?? "");
    this.#open = { id, isNew: id === null, creating: null, found, unsent: [], signal };
    if (left && isLeftUnused) void this.#discard(left, () => left.unsent.length === 0);
    list.show();
    await talk.open(id);
  }

  /** End the call and show nothing. */
  close() {
    this.#opened.cancel();
    this.#open = null;
    this.#parts.talk.close();
  }

  /** The conversation is shown: put unsent messages back into the box, unless they did arrive. */
  restoreUnsent() {
    const { talk } = this.#parts;
    const known = new Set(talk.client?.lines().map(({ itemId }) => itemId));
    const text = unsentText(this.#open?.found ?? [], known);
    if (this.#open) this.#open.found = [];
    if (text) talk.restore(text);
  }

  /** Store messages that were typed and not sent. */
  saveUnsent() {
    if (!this.#open) return;
    this.#open.unsent = [...this.#open.found, ...this.#parts.talk.unsent];
    this.#parts.drafts.save(this.#open.id ?? "", this.#open.unsent);
  }

  /**
   * Create the session of the open conversation, unless it has one: a message and a dictated clip
   * may both need it.
   *
   * @returns {Promise<string>} Its id, also when the conversation was left meanwhile.
   */
  async createSession() {
    const open = this.#open;
    if (!open) return this.#create(null);
    if (open.id) return open.id;
    open.creating ??= this.#create(open);
    return open.creating;
  }

  /** A call of the open conversation is over, and nothing came of it: if the session was created for that
   * call, delete it. The conversation is a new one again. */
  async discardUnused() {
    const open = this.#open;
    const { address, talk } = this.#parts;
    const isUnused = () => open === this.#open && talk.isUnused && talk.client?.hasCall === false;
    if (!open || !(await this.#discard(open, isUnused))) return;
    talk.forgetSession();
    address.replace(null);
  }

  /**
   * @param {Open} open
   * @param {() => boolean} isUnused Asked when the session exists.
   * @returns {Promise<boolean>} Whether the session is being deleted.
   */
  async #discard(open, isUnused) {
    const { api, list } = this.#parts;
    if (!open.isNew) return false;
    await open.creating?.catch(() => {});
    const { id } = open;
    if (id === null || !isUnused()) return false;
    open.id = null;
    list.remove(id);
    // One that could not be deleted stays, without a title.
    void api.deleteSession(id).catch(() => {});
    return true;
  }

  /** @param {Open | null} open */
  async #create(open) {
    const { api, account, fieldsOfNew } = this.#parts;
    const { signal } = account;
    try {
      const session = await api.createSession(fieldsOfNew());
      if (open && !signal.aborted) this.#created(open, session);
      return session.id;
    } finally {
      if (open) open.creating = null;
    }
  }

  /** @param {Open} open @param {Session} session */
  #created(open, session) {
    const { address, drafts, list } = this.#parts;
    open.id = session.id;
    if (open.signal.aborted) drafts.save(session.id, open.unsent);
    else address.replace(session.id);
    list.put(session);
  }
}
