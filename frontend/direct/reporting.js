/** Reports finished turns of direct calls to our server: in batches, again after a failure, and at the end. */

import { ApiError } from "../api.js";
import { partKey } from "../transcript/item.js";
import { TurnReports } from "./turn-reports.js";

/** @import { ShownLine } from "../transcript/shown-lines.js" */
/** @import { ReportedTurn } from "./turn-reports.js" */

/** The server takes no more in one request. */
export const MOST_TURNS = 100;
/** Browsers refuse a `keepalive` request when the bodies of all that are under way exceed 64 KiB. */
export const MOST_KEEPALIVE_BYTES = 60_000;
/** Several turns often end at the same moment: an answer, and the transcript of the question. */
const COLLECT_MS = 300;
/** Milliseconds before a batch is sent again; the last one is the delay before each further attempt. */
const RETRY_MS = Object.freeze([1000, 2000, 4000, 8000, 15_000, 30_000]);

/** @typedef {"saved" | "waiting" | "incomplete" | "refused"} ReportState `waiting`: the server was not reached,
 *   and is tried again; `incomplete`: it did not take a turn; `refused`: it takes none of this session. */

/**
 * @typedef {{
 *   send: (sessionId: string, turns: ReportedTurn[], options: { isLeaving: boolean }) => Promise<unknown>,
 *   sessionId: () => string | null,
 *   lines: () => ReadonlyArray<ShownLine>,
 *   onState: (state: ReportState) => void,
 *   now?: () => Date,
 * }} ReporterParts `send` throws an ApiError; `isLeaving` asks for a request that outlives the page;
 *   `sessionId` is null as long as there is no session.
 */

/** Keeps the server's copy of a conversation up to date. */
export class Reporter {
  #parts;
  #now;
  #reports = new TurnReports();
  /** What is to be sent, in spoken order; the latest version of each turn. @type {Map<string, ReportedTurn>} */
  #pending = new Map();
  #isSending = false;
  #failures = 0;
  /** A batch was refused for its content: one turn at a time, so that only the one at fault is lost. */
  #isOneByOne = false;
  /** A turn was lost. */
  #isIncomplete = false;
  /** The state that was passed on last. @type {ReportState | null} */
  #state = null;
  #isRefused = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {ReporterParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => new Date());
  }

  /** Whether turns wait to be sent. */
  get hasPending() {
    return this.#pending.size > 0;
  }

  /** Our server has these lines already. @param {ReadonlyArray<ShownLine>} lines */
  skip(lines) {
    this.#reports.take(lines, this.#now().toISOString(), { isLast: true });
  }

  /** The lines may have changed: report what is final, soon. */
  changed() {
    this.#collect(false);
    if (this.hasPending && !this.#timer && !this.#isSending) this.#later(COLLECT_MS);
  }

  /** The call is over, the page stays: report what is final now. @returns {Promise<void>} */
  finish() {
    this.#collect(false);
    return this.#send();
  }

  /** The page is closed: report everything, also what is not final; the first request outlives the page. */
  leave() {
    this.#collect(true);
    const sessionId = this.#parts.sessionId();
    if (sessionId === null || this.#isRefused) return;
    for (const [index, turns] of batches([...this.#pending.values()]).entries()) {
      // They stay pending: the browser may show the page again, and sending twice does no harm. Only one
      // request fits into the bytes of all that outlive the page.
      this.#parts.send(sessionId, turns, { isLeaving: index === 0 }).catch(() => {});
    }
  }

  /** @param {boolean} isLast */
  #collect(isLast) {
    const now = this.#now().toISOString();
    for (const turn of this.#reports.take(this.#parts.lines(), now, { isLast })) {
      this.#pending.set(partKey(turn.item_id, turn.content_index), turn);
    }
    this.#reports.see(this.#parts.lines(), now);
  }

  /** @param {number} delayMs */
  #later(delayMs) {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#send();
    }, delayMs);
  }

  /** Send what is pending, one batch after the other. */
  async #send() {
    const sessionId = this.#parts.sessionId();
    if (this.#isSending || this.#isRefused || sessionId === null || !this.hasPending) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isSending = true;
    const delayMs = await this.#sendAll(sessionId);
    this.#isSending = false;
    if (delayMs !== null && this.hasPending) this.#later(delayMs);
  }

  /** @param {string} sessionId @returns {Promise<number | null>} The delay before the next attempt; null for none. */
  async #sendAll(sessionId) {
    try {
      while (this.hasPending) {
        const waiting = [...this.#pending.values()];
        const [turns = []] = this.#isOneByOne ? [waiting.slice(0, 1)] : batches(waiting);
        await this.#sendBatch(sessionId, turns);
      }
      this.#failures = 0;
      this.#isOneByOne = false;
      this.#show(this.#isIncomplete ? "incomplete" : "saved");
      return null;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** @param {string} sessionId @param {ReportedTurn[]} turns */
  async #sendBatch(sessionId, turns) {
    try {
      await this.#parts.send(sessionId, turns, { isLeaving: false });
    } catch (error) {
      if (!isAboutContent(error)) throw error;
      this.#isOneByOne = true;
      if (turns.length > 1) return;
      // Nothing that is sent again would be taken.
      this.#isIncomplete = true;
      this.#show("incomplete");
    }
    for (const turn of turns) this.#sent(turn);
  }

  /** @param {ReportedTurn} turn */
  #sent(turn) {
    const key = partKey(turn.item_id, turn.content_index);
    // It may have changed while it was sent.
    if (this.#pending.get(key) === turn) this.#pending.delete(key);
  }

  /** @param {unknown} error @returns {number | null} */
  #failed(error) {
    if (isFinal(error)) {
      this.#isRefused = true;
      this.#pending.clear();
      this.#show("refused");
      return null;
    }
    const delayMs = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 0;
    this.#failures += 1;
    this.#show("waiting");
    return delayMs;
  }

  /** @param {ReportState} state */
  #show(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#parts.onState(state);
  }
}

/** Whether the turns themselves are at fault: not valid, or too long. @param {unknown} error */
const isAboutContent = (error) => error instanceof ApiError && [400, 413].includes(error.status);

/** Whether the same request would be refused again: not for a limit or a timeout.
 * @param {unknown} error */
const isFinal = (error) =>
  !(error instanceof ApiError) ||
  (error.status >= 400 && error.status < 500 && ![408, 429].includes(error.status));

/** The body of a request. @param {ReadonlyArray<ReportedTurn>} turns */
export const bodyOf = (turns) => JSON.stringify({ turns });

/**
 * Turns in as few requests as possible, in their order.
 *
 * @param {ReadonlyArray<ReportedTurn>} turns
 * @returns {ReportedTurn[][]}
 */
export function batches(turns) {
  /** @type {ReportedTurn[][]} */
  const found = [];
  let bytes = 0;
  for (const turn of turns) {
    const size = byteLength(JSON.stringify(turn)) + 1;
    const current = found.at(-1);
    if (!current || current.length === MOST_TURNS || bytes + size > MOST_KEEPALIVE_BYTES) {
      found.push([turn]);
      bytes = byteLength(bodyOf([])) + size;
    } else {
      current.push(turn);
      bytes += size;
    }
  }
  return found;
}

/** In UTF-8. @param {string} text */
export const byteLength = (text) => new TextEncoder().encode(text).length;
