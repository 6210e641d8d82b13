/** localStorage or sessionStorage, with the page's memory in its place where the browser refuses it. */

const PROBE_KEY = "kaiwa.probe";

/**
 * Reads and writes as a `Storage` does, and throws nothing.
 *
 * With cookies blocked, or in a frame without an origin, the property `localStorage` itself throws; in a
 * WebView it may be null; and one that is full, or that of an old private window, throws at each write.
 * What cannot be written is kept in memory, until the page is closed or reloaded.
 */
export class BrowserStorage {
  #storage;
  #isKept;
  /** What the storage has refused; null for a key that it refused to remove.
   * @type {Map<string, string | null>} */
  #memory = new Map();

  /** @param {() => Storage | null | undefined} open Returns the storage; it may throw. */
  constructor(open) {
    this.#storage = storageFrom(open);
    this.#isKept = canWrite(this.#storage);
  }

  /** Whether the storage took what was written when this object was made. */
  get isKept() {
    return this.#isKept;
  }

  /** @param {string} key @returns {string | null} */
  getItem(key) {
    const inMemory = this.#memory.get(key);
    if (inMemory !== undefined) return inMemory;
    try {
      return this.#storage?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  /** @param {string} key @param {string} text */
  setItem(key, text) {
    if (!this.#attempt((storage) => storage.setItem(key, text))) this.#memory.set(key, text);
    else this.#memory.delete(key);
  }

  /** @param {string} key */
  removeItem(key) {
    if (!this.#attempt((storage) => storage.removeItem(key))) this.#memory.set(key, null);
    else this.#memory.delete(key);
  }

  /** The names of all that is stored. @returns {string[]} */
  keys() {
    /** @type {string[]} */
    let stored = [];
    this.#attempt((storage) => {
      stored = Object.keys(storage);
    });
    const all = new Set([...stored, ...this.#memory.keys()]);
    return [...all].filter((key) => this.#memory.get(key) !== null);
  }

  /** @param {(storage: Storage) => void} action @returns {boolean} Whether it was done. */
  #attempt(action) {
    if (!this.#storage) return false;
    try {
      action(this.#storage);
      return true;
    } catch {
      return false;
    }
  }
}

/** @param {() => Storage | null | undefined} open */
function storageFrom(open) {
  try {
    return open() ?? null;
  } catch {
    return null;
  }
}

/** @param {Storage | null} storage */
function canWrite(storage) {
  try {
    storage?.setItem(PROBE_KEY, "1");
    storage?.removeItem(PROBE_KEY);
    return storage !== null;
  } catch {
    return false;
  }
}
