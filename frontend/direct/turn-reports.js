/**
 * Which turns of a conversation our server must be told of, because it does not see the connection. Pure.
 */

import { hasWords } from "../transcript/heard.js";
import { partKey } from "../transcript/item.js";
import { isNotTranscribed } from "../transcript/past.js";

/** @import { ShownLine } from "../transcript/shown-lines.js" */

/**
 * A turn of `POST /api/sessions/{id}/reported-turns/`. Times are ISO 8601.
 *
 * @typedef {{
 *   item_id: string, content_index: number, role: string, modality: string, text: string,
 *   heard_text: string | null, heard_ms: number | null, status: string,
 *   started_at: string, completed_at: string | null,
 * }} ReportedTurn
 */

/** Compares the lines with what was reported before. */
export class TurnReports {
  /** What was reported last of each line, by part key. @type {Map<string, string>} */
  #reported = new Map();
  /** When each line was seen first, and when it was final. @type {Map<string, { started: string, completed: string | null }>} */
  #times = new Map();

  /**
   * The turns that are new or have changed, in spoken order. A turn is reported when it is final, and
   * after all that were said before it: the server stores them in the order in which they come.
   *
   * @param {ReadonlyArray<ShownLine>} lines In spoken order.
   * @param {string} now ISO 8601.
   * @param {{ isLast?: boolean }} [options] `isLast`: no later call follows, so that turns in progress are
   *   taken as they are.
   * @returns {ReportedTurn[]}
   */
  take(lines, now, { isLast = false } = {}) {
    const turns = [];
    for (const line of lines) {
      if (isKept(line)) continue;
      const isOver = isFinal(line);
      const times = this.#timesOf(line, now, isOver);
      if (!isOver && !isLast) break;
      if (!hasWords(line.text) && !isNotTranscribed(line)) continue;
      const turn = turnFrom(line, times);
      const key = keyOf(line);
      const text = JSON.stringify(turn);
      if (this.#reported.get(key) === text) continue;
      this.#reported.set(key, text);
      turns.push(turn);
    }
    return turns;
  }

  /** Record when the lines began, without reporting any. @param {ReadonlyArray<ShownLine>} lines @param {string} now */
  see(lines, now) {
    for (const line of lines) if (!isKept(line)) this.#timesOf(line, now, isFinal(line));
  }

  /** @param {ShownLine} line @param {string} now @param {boolean} isOver */
  #timesOf(line, now, isOver) {
    const key = keyOf(line);
    const times = this.#times.get(key) ?? { started: now, completed: null };
    if (isOver) times.completed ??= now;
    this.#times.set(key, times);
    return times;
  }
}

/** @param {ShownLine} line */
const keyOf = ({ itemId, contentIndex }) => partKey(itemId, contentIndex);

/** Whether the server has this turn: it has a time of the server's. @param {ShownLine} line */
const isKept = ({ startedAt }) => startedAt !== undefined;

/** Whether nothing more comes of this line. A spoken answer may be cut off as long as it sounds, and as long
 * as it does, only a part of its text is shown. @param {ShownLine} line */
const isFinal = ({ status, heardText, shown, text }) =>
  status !== "in_progress" && (heardText !== null || shown === text);

/**
 * @param {ShownLine} line
 * @param {{ started: string, completed: string | null }} times
 * @returns {ReportedTurn}
 */
function turnFrom(line, { started, completed }) {
  return {
    item_id: line.itemId,
    content_index: line.contentIndex,
    role: line.role,
    modality: line.modality,
    text: line.text,
    heard_text: line.heardText,
    heard_ms: line.heardMs,
    status: line.status,
    started_at: started,
    completed_at: completed,
  };
}
