/** The id of a session that may not have been created yet. */

/** Creates the session when its id is first needed, and at most once. */
export class SessionId {
  #idOrCreate;
  /** @type {Promise<string> | null} */
  #creating = null;

  /** @param {string | (() => Promise<string>)} idOrCreate The id, or a function that creates one. */
  constructor(idOrCreate) {
    this.#idOrCreate = idOrCreate;
  }

  /** Whether the session exists. */
  get isKnown() {
    return typeof this.#idOrCreate === "string";
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
