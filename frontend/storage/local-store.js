/** Preferences, login token and known microphones in localStorage. */

/** @import { Transport } from "../call/transport.js" */

/**
 * @typedef {{
 *   language: "ja" | "en" | "", theme: "" | "light" | "dark", isHandsFree: boolean, volume: number,
 *   deviceId: string, deviceLabel: string, speakerId: string, speakerLabel: string,
 *   echoCancellation: boolean, noiseSuppression: boolean, autoGainControl: boolean,
 *   transport: Transport,
 * }} Preferences
 */

/** @type {Readonly<Preferences>} An empty language means the browser's, an empty theme the system's, an empty
 * device the default one. */
export const DEFAULT_PREFERENCES = Object.freeze({
  language: "",
  // theme.js reads it too.
  theme: "",
  isHandsFree: true,
  volume: 1,
  deviceId: "",
  // Browsers tell it only once a microphone is allowed.
  deviceLabel: "",
  speakerId: "",
  speakerLabel: "",
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  transport: "relay",
});

const PREFERENCES_KEY = "kaiwa.preferences";
const TOKEN_KEY = "kaiwa.token";
const SOUNDED_KEY = "kaiwa.microphones";
/** More microphones than anybody uses in turn; the oldest is forgotten. */
const MOST_SOUNDED = 10;

/**
 * Reads and writes localStorage. Where it is full or forbidden (private browsing), nothing is kept and
 * nothing is thrown.
 *
 * The token is stored so that a reload and a second tab need no password. Only the server's own
 * scripts can read it: the content security policy allows no others, and no text becomes markup.
 */
export class LocalStore {
  #storage;

  /** @param {Pick<Storage, "getItem" | "setItem" | "removeItem"> & { isKept?: boolean }} storage
   *   `isKept` is false for one that is forgotten with the page. */
  constructor(storage) {
    this.#storage = storage;
  }

  /** Whether the login and the preferences are kept when the page is closed or reloaded. */
  get isKept() {
    return this.#storage.isKept !== false;
  }

  /** The login token; empty when signed out. */
  get token() {
    return this.#read(TOKEN_KEY) ?? "";
  }

  set token(token) {
    this.#write(TOKEN_KEY, token);
  }

  /** @returns {Preferences} As stored; the default where one is missing or has the wrong type. */
  preferences() {
    /** @type {Record<string, unknown>} */
    let stored = {};
    try {
      stored = JSON.parse(this.#read(PREFERENCES_KEY) ?? "{}") ?? {};
    } catch {
      // Written by another version of the page, or by hand.
    }
    const kept = Object.entries(stored).filter(
      ([name, value]) =>
        typeof value === typeof DEFAULT_PREFERENCES[/** @type {keyof Preferences} */ (name)],
    );
    return { ...DEFAULT_PREFERENCES, ...Object.fromEntries(kept) };
  }

  /** @param {Partial<Preferences>} changes The others stay as they are. */
  savePreferences(changes) {
    this.#write(PREFERENCES_KEY, JSON.stringify({ ...this.preferences(), ...changes }));
  }

  /** Whether this microphone has given sound before. @param {string} device */
  hasSounded(device) {
    return this.#sounded().includes(device);
  }

  /** Remember that this microphone gives sound. @param {string} device */
  addSounded(device) {
    const others = this.#sounded().filter((name) => name !== device);
    this.#write(SOUNDED_KEY, JSON.stringify([...others, device].slice(-MOST_SOUNDED)));
  }

  /** @returns {string[]} The names of microphones that have given sound, the latest last. */
  #sounded() {
    try {
      const stored = JSON.parse(this.#read(SOUNDED_KEY) ?? "[]");
      return Array.isArray(stored) ? stored : [];
    } catch {
      return [];
    }
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
      // Full or forbidden: nothing is kept.
    }
  }
}
