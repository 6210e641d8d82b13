/** The server's REST API: each method returns the parsed answer or throws an ApiError. */

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
 *   language: string, created_at: string, updated_at: string, turn_count: number, call_count: number,
 * }} Session
 * @typedef {{ ticket: string, expires_at: string, url: string }} Ticket
 * @typedef {{ count: number, next: string | null, results: any[] }} Page
 */

/** How long an answer may take; the slowest one takes a second. */
const TIMEOUT_MS = 15_000;

/** The server refused a request, or did not answer: then `status` is 0. */
export class ApiError extends Error {
  name = "ApiError";

  /**
   * @param {string} code Stable; `no_network` when no answer came.
   * @param {number} status
   * @param {string} sentence The server's message in the user's language; empty when no answer came.
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

/** The API with one user's token and language. */
export class Api {
  token = "";
  language = "en";
  /** Called when the server does not accept the token any more. */
  onSignedOut = () => {};

  /** @returns {Promise<Config>} */
  config() {
    return this.#request("GET", "/api/config/");
  }

  /** @param {string} username @param {string} password @returns {Promise<Login>} */
  logIn(username, password) {
    return this.#request("POST", "/api/auth/login/", { username, password });
  }

  /** @param {string} username @param {string} password @returns {Promise<Login>} */
  register(username, password) {
    return this.#request("POST", "/api/auth/register/", { username, password });
  }

  /** @returns {Promise<User>} */
  me() {
    return this.#request("GET", "/api/auth/me/");
  }

  /** End every login and every call of the user. */
  logOutEverywhere() {
    return this.#request("POST", "/api/auth/logout/");
  }

  /** @returns {Promise<Session[]>} All sessions of the user, the latest first. */
  sessions() {
    return this.#pages("/api/sessions/");
  }

  /** @param {{ language: string }} fields @returns {Promise<Session>} */
  createSession(fields) {
    return this.#request("POST", "/api/sessions/", fields);
  }

  /** @param {string} id @returns {Promise<Session>} */
  session(id) {
    return this.#request("GET", `/api/sessions/${encodeURIComponent(id)}/`);
  }

  /** @param {string} id @param {string} title @returns {Promise<Session>} */
  renameSession(id, title) {
    return this.#request("PATCH", `/api/sessions/${encodeURIComponent(id)}/`, { title });
  }

  /** @param {string} id */
  deleteSession(id) {
    return this.#request("DELETE", `/api/sessions/${encodeURIComponent(id)}/`);
  }

  /** @param {string} sessionId @returns {Promise<KeptTurn[]>} All turns, in spoken order. */
  turns(sessionId) {
    return this.#pages(`/api/sessions/${encodeURIComponent(sessionId)}/turns/`);
  }

  /** @param {string} sessionId @returns {Promise<Ticket>} */
  takeTicket(sessionId) {
    return this.#request("POST", "/api/realtime/tickets/", { session_id: sessionId });
  }

  /** @param {string} path @returns {Promise<any[]>} */
  async #pages(path) {
    const results = [];
    for (let next = path; next !== ""; ) {
      const page = /** @type {Page} */ (await this.#request("GET", next));
      results.push(...page.results);
      // Only the path is used: behind a proxy the server may not know its own host name.
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
  async #request(method, path, body) {
    const token = this.token;
    const response = await fetch(path, {
      method,
      headers: {
        Accept: "application/json",
        "Accept-Language": this.language,
        ...(token ? { Authorization: `Token ${token}` } : {}),
        ...(body ? { "Content-Type": "application/json" } : {}),
      },
      // With the admin's session cookie the server would require a CSRF token.
      credentials: "omit",
      ...(body ? { body: JSON.stringify(body) } : {}),
      // Without it a server that never answers would keep the page waiting for ever.
      signal: AbortSignal.timeout(TIMEOUT_MS),
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
