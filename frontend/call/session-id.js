/** The id of a session that may not have been created yet. */

/** The error and the ending for an id that no session can have. */
export const SESSION_ID_MALFORMED = "session_id_malformed";

/** @type {Readonly<Record<string, string>>} By language. */
const SENTENCES = Object.freeze({
  en: "A session’s id is a UUID, as POST /api/sessions/ returns it.",
  ja: "セッションの ID は UUID です（POST /api/sessions/ が返す id）。",
});

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a session can have this id: the server's are UUIDs. @param {unknown} id */
export const isSessionId = (id) => typeof id === "string" && UUID.test(id);

/** What to tell a programmer about a malformed id. @param {string} language */
export const malformedSentence = (language) => SENTENCES[language] ?? SENTENCES.en ?? "";

/** Creates the session when its id is first needed, and at most once. */
export class SessionId {
  #given;
  #idOrCreate;
  /** @type {Promise<string> | null} */
  #creating = null;

  /** @param {string | (() => Promise<string>)} idOrCreate The id, or a function that creates one. */
  constructor(idOrCreate) {
    this.#given = idOrCreate;
    this.#idOrCreate = idOrCreate;
  }

  /** Whether the session exists. */
  get isKnown() {
    return typeof this.#idOrCreate === "string";
  }

  /** The session that was created does not exist any more: the next caller creates another one. */
  forget() {
    this.#idOrCreate = this.#given;
  }

  /**
   * The id. Concurrent callers share one creation; after a failure the next caller tries again.
   *
   * @returns {Promise<string>}
   */
  async get() {
    if (typeof this.#idOrCreate === "string") return this.#idOrCreate;
    this.#creating ??= this.#idOrCreate();
    try {
      this.#idOrCreate = await this.#creating;
      return this.#idOrCreate;
    } finally {
      this.#creating = null;
    }
  }
}
