/** What was written and never got into its conversation, kept until the tab is closed. */

/** @typedef {{ itemId: string, text: string }} Unsent `itemId` is empty for what was not sent off. */

const PREFIX = "kaiwa.draft.";
const OWNER_KEY = "kaiwa.drafts_of";

/**
 * A session's unsent words, to be handed back when it is opened again. A storage that is full or
 * forbidden remembers nothing and breaks nothing.
 */
export class Drafts {
  #storage;

  /** @param {Storage} storage Of the tab, so that two tabs do not write into each other's box. */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @param {string} sessionId Empty for a conversation without its first word. @param {Unsent[]} unsent */
  keep(sessionId, unsent) {
    try {
      if (unsent.length > 0) this.#storage.setItem(PREFIX + sessionId, JSON.stringify(unsent));
      else this.#storage.removeItem(PREFIX + sessionId);
    } catch {
      // Private browsing: what is not kept is still in the box.
    }
  }

  /** Hands the words back, once. @param {string} sessionId @returns {Unsent[]} */
  take(sessionId) {
    try {
      const unsent = JSON.parse(this.#storage.getItem(PREFIX + sessionId) ?? "[]");
      this.#storage.removeItem(PREFIX + sessionId);
      return Array.isArray(unsent) ? unsent : [];
    } catch {
      return [];
    }
  }

  /** Whether something waits there. @param {string} sessionId */
  has(sessionId) {
    try {
      return this.#storage.getItem(PREFIX + sessionId) !== null;
    } catch {
      return false;
    }
  }

  /** What somebody else left behind in this tab is not for this person. @param {string} personId */
  belongTo(personId) {
    try {
      if (this.#storage.getItem(OWNER_KEY) === personId) return;
      this.forget();
      this.#storage.setItem(OWNER_KEY, personId);
    } catch {
      // Nothing was remembered.
    }
  }

  /** Another person may come to this tab. */
  forget() {
    try {
      for (const key of Object.keys(this.#storage)) {
        if (key.startsWith(PREFIX)) this.#storage.removeItem(key);
      }
    } catch {
      // Nothing was remembered.
    }
  }
}

/**
 * The words as they are to be sent again, without those that did arrive.
 *
 * @param {Unsent[]} unsent
 * @param {ReadonlySet<string>} knownItemIds Items of the conversation.
 */
export const textOf = (unsent, knownItemIds) =>
  unsent
    .filter(({ itemId }) => !knownItemIds.has(itemId))
    .map(({ text }) => text)
    .join("\n");
