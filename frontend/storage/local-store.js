/** What the page remembers on this device, in localStorage. */

/**
 * @typedef {{
 *   language: "ja" | "en" | "", isHandsFree: boolean, volume: number, deviceId: string,
 *   echoCancellation: boolean, noiseSuppression: boolean, autoGainControl: boolean,
 * }} Preferences
 */

/** @type {Readonly<Preferences>} */
export const DEFAULTS = Object.freeze({
  language: "",
  isHandsFree: true,
  volume: 1,
  deviceId: "",
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
});

const PREFERENCES_KEY = "kaiwa.preferences";
const TOKEN_KEY = "kaiwa.token";

/**
 * Reads and writes; a storage that is full or forbidden remembers nothing and breaks nothing.
 *
 * The login is kept here as well, so that a reload and a second tab need no password. No script but
 * the server's own can read it: the page's policy allows no other, and no text ever becomes markup.
 */
export class LocalStore {
  #storage;

  /** @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  get token() {
    return this.#read(TOKEN_KEY) ?? "";
  }

  set token(token) {
    this.#write(TOKEN_KEY, token);
  }

  /** @returns {Preferences} What was remembered, and the defaults for what was not or makes no sense. */
  preferences() {
    /** @type {Record<string, unknown>} */
    let stored = {};
    try {
      stored = JSON.parse(this.#read(PREFERENCES_KEY) ?? "{}") ?? {};
    } catch {
      // Written by another version, or by hand.
    }
    const kept = Object.entries(stored).filter(
      ([name, value]) => typeof value === typeof DEFAULTS[/** @type {keyof Preferences} */ (name)],
    );
    return { ...DEFAULTS, ...Object.fromEntries(kept) };
  }

  /** @param {Partial<Preferences>} changes */
  prefer(changes) {
    this.#write(PREFERENCES_KEY, JSON.stringify({ ...this.preferences(), ...changes }));
  }

  /** @param {string} key */
  #read(key) {
    try {
      return this.#storage.getItem(key);
    } catch {
      return null;
    }
  }

  /** @param {string} key @param {string} text */
  #write(key, text) {
    try {
      if (text) this.#storage.setItem(key, text);
      else this.#storage.removeItem(key);
    } catch {
      // Private browsing: the page works, it only forgets.
    }
  }
}
