/** The requests to our server that only direct calls make: ephemeral keys and reported turns. */

import { ApiError } from "../api.js";
import { bodyOf, byteLength, MOST_KEEPALIVE_BYTES } from "./reporting.js";

/** @import { Api } from "../api.js" */
/** @import { ReportedTurn } from "./turn-reports.js" */

/** The server waits 10 s for the provider. */
const KEY_TIMEOUT_MS = 15_000;
const REPORT_TIMEOUT_MS = 15_000;

/** @typedef {{ provider?: string, model?: string, voice?: string }} KeyChoice */
/** @typedef {{ token: string, expireTime: string }} EphemeralKey `expireTime` is ISO 8601. */

/** The API with the token and the language of another one. */
export class DirectApi {
  #api;
  #fetch;

  /**
   * @param {Pick<Api, "token" | "language" | "onSignedOut">} api
   * @param {typeof fetch} [request]
   */
  constructor(api, request = (...of) => fetch(...of)) {
    this.#api = api;
    this.#fetch = request;
  }

  /**
   * A fresh key, with which a call can be opened until it expires.
   *
   * @param {KeyChoice} choice
   * @returns {Promise<EphemeralKey>}
   * @throws {ApiError}
   */
  async takeKey(choice) {
    const body = JSON.stringify(choice);
    const response = await this.#post("/api/openai/realtime/session", body, KEY_TIMEOUT_MS);
    const answer = await response.json().catch(() => ({}));
    if (response.ok && answer.success === true) return answer;
    const { error } = answer;
    // Refusals from before the view have the one error shape of the API.
    const sentence = typeof error === "string" ? error : String(error?.message ?? "");
    throw new ApiError(error?.code ?? "no_key", response.status, sentence);
  }

  /**
   * Report turns of a session. Reporting one again updates it.
   *
   * @param {string} sessionId
   * @param {ReadonlyArray<ReportedTurn>} turns
   * @param {{ isLeaving?: boolean }} [options] `isLeaving`: the request outlives the page, if it is not too
   *   long for that.
   * @throws {ApiError}
   */
  async reportTurns(sessionId, turns, { isLeaving = false } = {}) {
    const path = `/api/sessions/${encodeURIComponent(sessionId)}/reported-turns/`;
    const body = bodyOf(turns);
    const isKeptAlive = isLeaving && byteLength(body) <= MOST_KEEPALIVE_BYTES;
    const response = await this.#post(path, body, REPORT_TIMEOUT_MS, isKeptAlive);
    if (response.ok) return;
    const { code = "internal", message = "" } =
      (await response.json().catch(() => ({})))?.error ?? {};
    throw new ApiError(code, response.status, message);
  }

  /**
   * @param {string} path
   * @param {string} body
   * @param {number} timeoutMs
   * @param {boolean} [isKeptAlive]
   * @returns {Promise<Response>}
   */
  async #post(path, body, timeoutMs, isKeptAlive = false) {
    const { token, language } = this.#api;
    const response = await this.#fetch(path, {
      method: "POST",
      headers: {
        Accept: "application/json",
        "Accept-Language": language,
        Authorization: `Token ${token}`,
        "Content-Type": "application/json",
      },
      // With the admin's session cookie the server would require a CSRF token.
      credentials: "omit",
      keepalive: isKeptAlive,
      body,
      // The page's end would abort it.
      ...(isKeptAlive ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
    }).catch(() => {
      throw new ApiError("no_network", 0, "");
    });
    if (response.status === 401 && token === this.#api.token) this.#api.onSignedOut();
    return response;
  }
}
