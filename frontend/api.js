/** The server's REST API: each method returns the parsed answer or throws an ApiError. */

import { fileNameOf } from "./file-name.js";
import { WEBSOCKET } from "./shared-facts.js";

/** @import { KeptTurn } from "./transcript/past.js" */

/**
 * @typedef {{ id: number, username: string, is_staff: boolean }} User
 * @typedef {{ token: string, user: User }} Login
 * @typedef {{
 *   registration_open: boolean, demo: boolean, review_notice?: boolean, voices?: string[], languages?: string[],
 *   transports?: string[], suggestions?: Record<string, string[]>,
 * }} Config
 * @typedef {{
 *   id: string, title: string, realtime_mode: boolean, status: "open" | "live" | "closed",
 *   provider: string, voice: string, language: string, created_at: string, updated_at: string,
 *   turn_count: number, call_count: number, remembered_from?: number | null,
 *   cost: string | null, cost_estimated: boolean,
 *   calls?: { started_at: string, ended_at: string | null }[],
 * }} Session `provider`, `voice` and `language` are those of the next call and of the next typed answer.
 *   `remembered_from`, which lists of sessions do not have, is the position of the first turn that the
 *   model is given with the next question; null if it is given all.
 *   `cost` is in USD; null if a price is unknown. Lists of sessions have no `calls`.
 * @typedef {{
 *   calls: number, minutes: number, usage: Record<string, number>,
 *   cost: string | null, cost_estimated: boolean,
 * }} UsageSums
 * @typedef {UsageSums & { date: string }} UsageDay
 * @typedef {{
 *   kind: "money" | "minutes" | "calls_at_once" | "calls_per_hour",
 *   limit: number, used: number, reserved: number, left: number, resets_at: string | null,
 * }} Budget
 * @typedef {{
 *   time_zone: string, days: UsageDay[], today: UsageDay, month: UsageSums, budgets: Budget[],
 * }} OwnUsage
 * @typedef {{ voice?: string, language?: string, provider?: string }} SessionSettingsFields
 * @typedef {{ ticket: string, expires_at: string, url: string }} Ticket
 * @typedef {{ kind: "money" | "minutes", level: "ok" | "warning" | "spent", resets_at: string | null }} BudgetLevel
 *   As in `relay.budget`.
 * @typedef {{
 *   state: "live" | "ended", ending: string | null, budget: BudgetLevel | null, draining: boolean,
 * }} WebRtcCallState `ending` is one of shared-facts.js.
 * @typedef {{ count: number, next: string | null, results: any[] }} Page
 */

/** How long an answer may take; the slowest one takes a second. */
const TIMEOUT_MS = 15_000;
/** For a clip: the upload, 30 s of the provider, and connecting to it. */
const TRANSCRIPTION_TIMEOUT_MS = 120_000;
/** For a sample: connecting to the provider (8 s), and its answer (15 s). */
const SAMPLE_TIMEOUT_MS = 30_000;
/** How long the download of an export may take; a slow line needs a while for a long conversation. */
const EXPORT_TIMEOUT_MS = 120_000;
/** For a WebRTC call: the provider's answer, and the server's own connection to the call (5 s). */
const CALL_TIMEOUT_MS = 30_000;
/** For the state of a WebRTC call, which is asked for every five seconds. */
const CALL_STATE_TIMEOUT_MS = 4_000;
/** The most that the server gives: by 50, 6,000 turns would be 120 requests, one after the other. */
export const TURNS_PER_PAGE = 200;

/** The server refused a request, or did not answer: then `status` is 0. */
export class ApiError extends Error {
  name = "ApiError";

  /**
   * @param {string} code Stable; `no_network` when no answer came.
   * @param {number} status
   * @param {string} sentence The server's message in the user's language; empty when no answer came.
   * @param {unknown} [detail] Sentences by field.
   * @param {unknown} [codes] Their codes, in the same order.
   * @param {Date} [retryAt] When to try again, if the server has said so.
   */
  constructor(code, status, sentence, detail, codes, retryAt) {
    super(code);
    this.code = code;
    this.status = status;
    this.sentence = sentence;
    this.detail = detail;
    this.codes = codes;
    this.retryAt = retryAt;
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

  /** @param {string} search @returns {Promise<Session[]>} Those with these words in a title or a turn. */
  findSessions(search) {
    return this.#pages(`/api/sessions/?${new URLSearchParams({ search })}`);
  }

  /** @param {SessionSettingsFields} fields @returns {Promise<Session>} */
  createSession(fields) {
    return this.#request("POST", "/api/sessions/", fields);
  }

  /** What the user has used. @param {number} days @returns {Promise<OwnUsage>} */
  usage(days) {
    return this.#request("GET", `/api/usage/?days=${days}`);
  }

  /** What is left of the user's budgets. Nobody waits for it, so a login that has ended is not reported
   * (`onSignedOut`): a call that ends for it says so itself. @returns {Promise<Budget[]>} */
  async budgets() {
    const path = "/api/usage/?days=1";
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await this.#send("GET", path, undefined, signal, { isBackground: true });
    const answer = await jsonOf(response);
    if (!response.ok) throw errorOf(response, answer);
    return answer?.budgets ?? [];
  }

  /** @param {string} id @returns {Promise<Session>} */
  session(id) {
    return this.#request("GET", `/api/sessions/${encodeURIComponent(id)}/`);
  }

  /** @param {string} id @param {string} title @returns {Promise<Session>} */
  renameSession(id, title) {
    return this.#request("PATCH", `/api/sessions/${encodeURIComponent(id)}/`, { title });
  }

  /** @param {string} id @param {SessionSettingsFields} fields @returns {Promise<Session>} */
  changeSession(id, fields) {
    return this.#request("PATCH", `/api/sessions/${encodeURIComponent(id)}/`, fields);
  }

  /** Delete a session, which can be restored for ten minutes. @param {string} id */
  deleteSession(id) {
    return this.#request("DELETE", `/api/sessions/${encodeURIComponent(id)}/`);
  }

  /** Restore a session that was deleted. @param {string} id @returns {Promise<Session>} */
  restoreSession(id) {
    return this.#request("POST", `/api/sessions/${encodeURIComponent(id)}/restore/`);
  }

  /**
   * All turns, in spoken order, or those from a page on.
   *
   * @param {string} sessionId
   * @param {number} [page] From 1; each has `TURNS_PER_PAGE` turns.
   * @returns {Promise<KeptTurn[]>}
   */
  turns(sessionId, page = 1) {
    const query = new URLSearchParams({ page_size: String(TURNS_PER_PAGE) });
    if (page > 1) query.set("page", String(page));
    return this.#pages(`/api/sessions/${encodeURIComponent(sessionId)}/turns/?${query}`);
  }

  /**
   * The session as a file.
   *
   * @param {string} id
   * @param {string} format
   * @returns {Promise<{ blob: Blob, fileName: string }>}
   */
  async exportSession(id, format) {
    const query = new URLSearchParams({ format });
    const path = `/api/sessions/${encodeURIComponent(id)}/export/?${query}`;
    const signal = AbortSignal.timeout(EXPORT_TIMEOUT_MS);
    const response = await this.#send("GET", path, undefined, signal);
    if (!response.ok) throw errorOf(response, await jsonOf(response));
    // A stream that breaks must not be saved as if it were whole.
    const blob = await response.blob().catch(() => {
      throw new ApiError("no_network", 0, "");
    });
    const header = response.headers.get("Content-Disposition");
    return { blob, fileName: fileNameOf(header, `kaiwa.${format}`) };
  }

  /**
   * Send a typed message; the answer is a stream of server-sent events.
   *
   * @param {string} sessionId
   * @param {{ id: string, text: string }} message
   * @param {AbortSignal} signal Ends the request, also while the answer is streamed.
   * @returns {Promise<ReadableStream<Uint8Array>>}
   */
  async streamMessage(sessionId, message, signal) {
    const path = `/api/sessions/${encodeURIComponent(sessionId)}/messages/`;
    const response = await this.#send("POST", path, message, signal, {
      type: "text/event-stream",
    });
    if (!response.ok) throw errorOf(response, await jsonOf(response));
    if (!response.body) throw new ApiError("no_network", 0, "");
    return response.body;
  }

  /** Stop the answer to a message. @param {string} sessionId @param {string} id */
  stopMessage(sessionId, id) {
    const session = encodeURIComponent(sessionId);
    return this.#request(
      "POST",
      `/api/sessions/${session}/messages/${encodeURIComponent(id)}/stop/`,
    );
  }

  /**
   * The words of a recorded clip. The server sends it on and waits for the provider, so this takes
   * longer than anything else.
   *
   * @param {string} sessionId
   * @param {Blob} clip
   * @returns {Promise<{ text: string }>}
   */
  transcribe(sessionId, clip) {
    const form = new FormData();
    form.append("file", clip, "clip");
    const path = `/api/sessions/${encodeURIComponent(sessionId)}/transcriptions/`;
    return this.#request("POST", path, form, TRANSCRIPTION_TIMEOUT_MS);
  }

  /**
   * A sample of a voice. The server may have to ask the provider for it, which takes some seconds.
   *
   * @param {string} voice Of `Config.voices`, or `default`.
   * @param {string} language
   * @returns {Promise<ArrayBuffer>} A sound file.
   */
  async voiceSample(voice, language) {
    const path = `/api/voices/${encodeURIComponent(voice)}/sample/?${new URLSearchParams({ language })}`;
    const signal = AbortSignal.timeout(SAMPLE_TIMEOUT_MS);
    const response = await this.#send("GET", path, undefined, signal);
    if (!response.ok) throw errorOf(response, await jsonOf(response));
    return response.arrayBuffer().catch(() => {
      throw new ApiError("no_network", 0, "");
    });
  }

  /** @param {string} sessionId @returns {Promise<Ticket>} */
  takeTicket(sessionId) {
    return this.#request("POST", "/api/realtime/tickets/", { session_id: sessionId });
  }

  /**
   * Start a WebRTC call.
   *
   * @param {string} sessionId
   * @param {string} sdp The browser's offer.
   * @returns {Promise<{ sdp: string, call_id: string }>} The provider's answer, and the call's id here.
   */
  startCall(sessionId, sdp) {
    const body = { session_id: sessionId, sdp };
    return this.#request("POST", "/api/realtime/calls/", body, CALL_TIMEOUT_MS);
  }

  /** The state of a WebRTC call. A login that has ended is not reported, as in `budgets()`.
   * @param {string} callId @returns {Promise<WebRtcCallState>} */
  async callState(callId) {
    const path = `/api/realtime/calls/${encodeURIComponent(callId)}/`;
    const signal = AbortSignal.timeout(CALL_STATE_TIMEOUT_MS);
    const response = await this.#send("GET", path, undefined, signal, { isBackground: true });
    const answer = await jsonOf(response);
    if (!response.ok) throw errorOf(response, answer);
    return answer;
  }

  /** End a WebRTC call. The request is sent also while the page is unloaded. @param {string} callId */
  async endCall(callId) {
    const path = `/api/realtime/calls/${encodeURIComponent(callId)}/`;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    await this.#send("DELETE", path, undefined, signal, { isBackground: true, keepalive: true });
  }

  /**
   * Ask at the path of a session's WebSocket, over HTTP: the error says what the server made of it.
   *
   * @param {string} sessionId
   */
  askWebSocketPath(sessionId) {
    const path = WEBSOCKET.path.replace("{session_id}", encodeURIComponent(sessionId));
    // A POST, because browsers send the page's Origin with it.
    return this.#request("POST", path);
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
   * @param {number} [timeoutMs] Without it a server that never answers would keep the page waiting.
   * @returns {Promise<any>}
   */
  async #request(method, path, body, timeoutMs = TIMEOUT_MS) {
    const response = await this.#send(method, path, body, AbortSignal.timeout(timeoutMs));
    if (response.status === 204) return null;
    const answer = await jsonOf(response);
    if (!response.ok) throw errorOf(response, answer);
    if (answer === undefined) throw new ApiError("no_network", 0, "");
    return answer;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object | undefined} body Sent as JSON, a form as it is.
   * @param {AbortSignal} signal
   * @param {{ type?: string, isBackground?: boolean, keepalive?: boolean }} [options] `type` is the content
   *   type that the answer should have; `isBackground`: a login that has ended is not reported;
   *   `keepalive`: the request outlives the page.
   * @returns {Promise<Response>}
   */
  async #send(method, path, body, signal, options = {}) {
    const { type = "application/json", isBackground = false, keepalive = false } = options;
    const token = this.token;
    const isForm = body instanceof FormData;
    const response = await fetch(path, {
      method,
      headers: {
        Accept: type,
        "Accept-Language": this.language,
        ...(token ? { Authorization: `Token ${token}` } : {}),
        // The browser names a form's boundary itself.
        ...(body && !isForm ? { "Content-Type": "application/json" } : {}),
      },
      // With the admin's session cookie the server would require a CSRF token.
      credentials: "omit",
      ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
      ...(keepalive ? { keepalive } : {}),
      signal,
    }).catch(() => {
      throw new ApiError("no_network", 0, "");
    });
    const hasEnded = response.status === 401 && token && token === this.token;
    if (hasEnded && !isBackground) this.onSignedOut();
    return response;
  }
}

/** @param {Response} response @param {any} answer The parsed body; undefined if it is not JSON. */
function errorOf({ status, headers }, answer) {
  const { code = "internal", message = "", detail, codes } = answer?.error ?? {};
  const at = detail?.resets_at;
  const afterMs = Number(headers.get("Retry-After") ?? 0) * 1000 || 0;
  const later = afterMs > 0 ? new Date(Date.now() + afterMs) : undefined;
  // The time itself, where the server knows it, is not rounded.
  return new ApiError(code, status, message, detail, codes, at ? new Date(at) : later);
}

/** @param {Response} response @returns {Promise<any>} Undefined if it is not JSON. */
const jsonOf = (response) => response.json().catch(() => undefined);
