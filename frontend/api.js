/** The HTTP interface of the server, as calls that answer with values or fail with an ApiError. */

/** @import { KeptTurn } from "./transcript/past.js" */

/**
 * @typedef {{ id: number, username: string, is_staff: boolean }} User
 * @typedef {{ token: string, user: User }} Login
 * @typedef {{
 *   registration_open: boolean, demo: boolean, voices?: string[], languages?: string[],
 *   suggestions?: Record<string, string[]>,
 * }} Config
 * @typedef {{
 *   id: string, title: string, realtime_mode: boolean, status: "open" | "live" | "closed",
 *   language: string, created_at: string, updated_at: string,
 * }} Session
 * @typedef {{ ticket: string, expires_at: string, url: string }} Ticket
 * @typedef {{ count: number, next: string | null, results: any[] }} Page
 */

/** How long an answer may take; the slowest of ours takes a second. */
const PATIENCE_MS = 15_000;

/** The server said no, or could not be asked. `status` is 0 when no answer came. */
export class ApiError extends Error {
  name = "ApiError";

  /**
   * @param {string} code Stable; `no_network` when no answer came.
   * @param {number} status
   * @param {string} sentence In the person's language; empty when no answer came.
   * @param {unknown} [detail]
   */
  constructor(code, status, sentence, detail) {
    super(code);
    this.code = code;
    this.status = status;
    this.sentence = sentence;
    this.detail = detail;
  }
}

/** Calls to the server in one person's name and language. */
export class Api {
  token = "";
  language = "en";
  /** Called when the server does not know the token any more. */
  onSignedOut = () => {};

  /** @returns {Promise<Config>} */
  config() {
    return this.#ask("GET", "/api/config/");
  }

  /** @param {string} username @param {string} password @returns {Promise<Login>} */
  logIn(username, password) {
    return this.#ask("POST", "/api/auth/login/", { username, password });
  }

  /** @param {string} username @param {string} password @returns {Promise<Login>} */
  register(username, password) {
    return this.#ask("POST", "/api/auth/register/", { username, password });
  }

  /** @returns {Promise<User>} */
  me() {
    return this.#ask("GET", "/api/auth/me/");
  }

  /** Ends every login and every call of the person. */
  logOutEverywhere() {
    return this.#ask("POST", "/api/auth/logout/");
  }

  /** @returns {Promise<Session[]>} All of the person's sessions, the latest first. */
  sessions() {
    return this.#pages("/api/sessions/");
  }

  /** @param {{ language: string }} wishes @returns {Promise<Session>} */
  createSession(wishes) {
    return this.#ask("POST", "/api/sessions/", wishes);
  }

  /** @param {string} id @returns {Promise<Session>} */
  session(id) {
    return this.#ask("GET", `/api/sessions/${encodeURIComponent(id)}/`);
  }

  /** @param {string} id @param {string} title @returns {Promise<Session>} */
  renameSession(id, title) {
    return this.#ask("PATCH", `/api/sessions/${encodeURIComponent(id)}/`, { title });
  }

  /** @param {string} id */
  deleteSession(id) {
    return this.#ask("DELETE", `/api/sessions/${encodeURIComponent(id)}/`);
  }

  /** @param {string} sessionId @returns {Promise<KeptTurn[]>} All turns, in spoken order. */
  turns(sessionId) {
    return this.#pages(`/api/sessions/${encodeURIComponent(sessionId)}/turns/`);
  }

  /** @param {string} sessionId @returns {Promise<Ticket>} */
  takeTicket(sessionId) {
    return this.#ask("POST", "/api/realtime/tickets/", { session_id: sessionId });
  }

  /** @param {string} path @returns {Promise<any[]>} */
  async #pages(path) {
    const results = [];
    for (let next = path; next !== ""; ) {
      const page = /** @type {Page} */ (await this.#ask("GET", next));
      results.push(...page.results);
      // Only the path counts: behind a proxy the server may not know its own name.
      const url = page.next ? new URL(page.next, globalThis.location.href) : null;
      next = url ? url.pathname + url.search : "";
    }
    return results;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async #ask(method, path, body) {
    const token = this.token;
    const response = await fetch(path, {
      method,
      headers: {
        Accept: "application/json",
        "Accept-Language": this.language,
        ...(token ? { Authorization: `Token ${token}` } : {}),
        ...(body ? { "Content-Type": "application/json" } : {}),
      },
      // The token is the only pass: a cookie of the admin pages would ask for a CSRF token.
      credentials: "omit",
      ...(body ? { body: JSON.stringify(body) } : {}),
      // A server that takes the request and never answers is as good as none.
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch(() => {
      throw new ApiError("no_network", 0, "");
    });
    if (response.status === 204) return null;
    const answer = await response.json().catch(() => {
      if (response.ok) throw new ApiError("no_network", 0, "");
      return null;
    });
    if (response.ok) return answer;
    if (response.status === 401 && token && token === this.token) this.onSignedOut();
    const { code = "internal", message = "", detail } = answer?.error ?? {};
    throw new ApiError(code, response.status, message, detail);
  }
}
