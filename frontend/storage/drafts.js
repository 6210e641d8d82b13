/** Messages that were typed and not sent, in sessionStorage: kept until the tab is closed. */

/** @typedef {{ itemId: string, text: string }} Unsent A message that was sent and not confirmed, or, with
 * an empty `itemId`, one that was never sent.
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem"> & { keys: () => string[] }} DraftStorage */

const PREFIX = "kaiwa.draft.";
const OWNER_KEY = "kaiwa.drafts_of";

/**
 * The unsent messages of each session, to be put back into the message box when it is opened again.
 * Where the storage is full or forbidden, nothing is kept and nothing is thrown.
 */
export class Drafts {
  #storage;

  /** @param {DraftStorage} storage sessionStorage: each tab has its own message box. */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * Replace what is stored for a session.
   *
   * @param {string} sessionId Empty for a conversation whose session does not exist yet.
   * @param {Unsent[]} unsent
   */
  save(sessionId, unsent) {
    try {
      if (unsent.length > 0) this.#storage.setItem(PREFIX + sessionId, JSON.stringify(unsent));
      else this.#storage.removeItem(PREFIX + sessionId);
    } catch {
      // Full or forbidden: the text is still in the message box.
    }
  }

  /** Remove and return what is stored for a session. @param {string} sessionId @returns {Unsent[]} */
  take(sessionId) {
    try {
      const unsent = JSON.parse(this.#storage.getItem(PREFIX + sessionId) ?? "[]");
      this.#storage.removeItem(PREFIX + sessionId);
      return Array.isArray(unsent) ? unsent : [];
    } catch {
      return [];
    }
  }

  /** Whether something is stored for a session. @param {string} sessionId */
  has(sessionId) {
    try {
      return this.#storage.getItem(PREFIX + sessionId) !== null;
    } catch {
      return false;
    }
  }

  /** Set whose drafts these are; those of another user are deleted. @param {string} userId */
  setOwner(userId) {
    try {
      if (this.#storage.getItem(OWNER_KEY) === userId) return;
      this.clear();
      this.#storage.setItem(OWNER_KEY, userId);
    } catch {
      // Forbidden: nothing was stored.
    }
  }

  /** Delete all drafts: the user signed out, and another may use this tab. */
  clear() {
    try {
      for (const key of this.#storage.keys()) {
        if (key.startsWith(PREFIX)) this.#storage.removeItem(key);
      }
    } catch {
      // Forbidden: nothing was stored.
    }
  }
}

/**
 * The text to put back into the message box, without messages that did arrive.
 *
 * @param {Unsent[]} unsent
 * @param {ReadonlySet<string>} knownItemIds Items of the conversation.
 */
export const unsentText = (unsent, knownItemIds) =>
  unsent
    .filter(({ itemId }) => !knownItemIds.has(itemId))
    .map(({ text }) => text)
    .join("\n");
