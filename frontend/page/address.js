/** The address of a conversation: `#/s/<session id>`, or no hash for a new one. */

const PATTERN = /^#\/s\/([0-9a-f-]{36})$/;

/** Reads and changes the hash of the page's address. */
export class SessionAddress {
  #location;
  #history;

  /**
   * @param {Pick<Location, "pathname" | "search" | "hash">} location
   * @param {Pick<History, "pushState">} history
   */
  constructor(location, history) {
    this.#location = location;
    this.#history = history;
  }

  /** The session that the address names, or null. */
  get sessionId() {
    return PATTERN.exec(this.#location.hash)?.[1] ?? null;
  }

  /** Whether the hash is one of ours, and not the target of a link within the page. */
  get isOurs() {
    return this.sessionId !== null || this.#location.hash === "";
  }

  /** Add an entry to the browser's history, unless it is the current one. @param {string | null} id */
  set(id) {
    const { pathname, search, hash } = this.#location;
    const next = id === null ? "" : `#/s/${id}`;
    if (next === hash) return;
    try {
      this.#history.pushState(null, "", pathname + search + next);
    } catch {
      // Safari allows a hundred changes in thirty seconds. The conversation is opened all the same.
    }
  }
}
