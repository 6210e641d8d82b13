/** The address of a conversation: `#/s/<session id>`, or no hash for a new one. */

const PATTERN = /^#\/s\/([0-9a-f-]{36})$/;

/** The hash of a session; empty for a new one (null). @param {string | null} id */
export const sessionHash = (id) => (id === null ? "" : `#/s/${id}`);

/** Reads and changes the hash of the page's address. */
export class SessionAddress {
  #location;
  #history;

  /**
   * @param {Pick<Location, "pathname" | "search" | "hash">} location
   * @param {Pick<History, "pushState" | "replaceState">} history
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
    this.#write(id, (url) => this.#history.pushState(null, "", url));
  }

  /** Change the current entry: the new conversation that it names has become this session, or is a new one
   * again (null). Back then leads to the conversation before it, and not to an empty one.
   * @param {string | null} id */
  replace(id) {
    this.#write(id, (url) => this.#history.replaceState(null, "", url));
  }

  /** @param {string | null} id @param {(url: string) => void} write */
  #write(id, write) {
    const { pathname, search, hash } = this.#location;
    const next = sessionHash(id);
    if (next === hash) return;
    try {
      write(pathname + search + next);
    } catch {
      // Safari allows a hundred changes in thirty seconds. The conversation is opened all the same.
    }
  }
}
