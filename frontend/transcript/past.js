/** Turns of earlier calls, as the server stores them and as lines. Pure. */

import { partKey } from "./item.js";

/** @import { Line } from "./item.js" */

/**
 * A turn of `GET /api/sessions/{id}/turns/`, as far as the page reads it; `message.completed` also has
 * the session's `remembered_from`.
 *
 * @typedef {{
 *   item_id: string, content_index?: number, role: string, modality: string, text: string,
 *   heard_text: string | null, heard_ms: number | null, status: string, position: number,
 *   remembered_from?: number | null, started_at?: string | null, completed_at?: string | null,
 *   is_reported?: boolean,
 * }} KeptTurn
 */

/**
 * The turns to begin a new call with: those that the server kept, in its order, then those that only
 * the page has seen. A server that was killed may have lost the last seconds, but the user has read
 * them. Turns in progress become interrupted.
 *
 * @param {ReadonlyArray<KeptTurn>} kept
 * @param {ReadonlyArray<Line>} seen
 * @returns {KeptTurn[]}
 */
export function pastOf(kept, seen) {
  const keys = new Set(kept.map((turn) => partKey(turn.item_id, turn.content_index ?? 0)));
  const onlySeen = seen.filter(
    (line) =>
      (line.text !== "" || isNotTranscribed(line)) &&
      !keys.has(partKey(line.itemId, line.contentIndex)),
  );
  const firstPosition = (kept.at(-1)?.position ?? -1) + 1;
  const seenTurns = onlySeen.map((line, index) => turnFromLine(line, firstPosition + index));
  return [...kept, ...seenTurns].map((turn) =>
    turn.status === "in_progress" ? { ...turn, status: "interrupted" } : turn,
  );
}

/** Whether this was spoken by the user, and no text of it came. @param {Line} line */
export function isNotTranscribed({ role, modality, text, status }) {
  return role === "user" && modality === "voice" && text === "" && status !== "in_progress";
}

/**
 * The first of these turns at or after a position of the server's.
 *
 * @param {ReadonlyArray<KeptTurn>} turns In spoken order.
 * @param {number} position
 * @returns {KeptTurn | undefined}
 */
export function firstTurnFrom(turns, position) {
  return turns.find((turn) => turn.position >= position);
}

/**
 * The server's turns, of which the newest were loaded again.
 *
 * @param {ReadonlyArray<KeptTurn>} known
 * @param {ReadonlyArray<KeptTurn>} newest Those from an index on.
 * @param {number} from The index.
 * @returns {ReadonlyArray<KeptTurn> | null} `known` if they are as they were; null if a turn was added or
 *   removed before the index, so that all must be loaded.
 */
export function newestTurns(known, newest, from) {
  const [before, after] = [known[from], newest[0]];
  const isShifted = from > 0 && (!before || !after || keyOfTurn(before) !== keyOfTurn(after));
  if (isShifted) return null;
  const isSame = JSON.stringify(known.slice(from)) === JSON.stringify(newest);
  return isSame ? known : [...known.slice(0, from), ...newest];
}

/** @param {KeptTurn} turn */
const keyOfTurn = (turn) => partKey(turn.item_id, turn.content_index ?? 0);

/** @param {KeptTurn} turn @returns {Line} */
export function lineFromTurn(turn) {
  return {
    itemId: turn.item_id,
    contentIndex: turn.content_index ?? 0,
    role: turn.role,
    modality: turn.modality,
    text: turn.text,
    heardText: turn.heard_text ?? null,
    heardMs: turn.heard_ms ?? null,
    status: turn.status,
    position: turn.position,
    // What only the page has seen has no time of the server's.
    ...(turn.started_at !== undefined && { startedAt: turn.started_at ?? turn.completed_at ?? "" }),
    ...(turn.is_reported === true && { isReported: true }),
  };
}

/** @param {Line} line @param {number} position @returns {KeptTurn} */
function turnFromLine(line, position) {
  return {
    item_id: line.itemId,
    content_index: line.contentIndex,
    role: line.role,
    modality: line.modality,
    text: line.text,
    heard_text: line.heardText,
    heard_ms: line.heardMs,
    status: line.status,
    position,
    ...(line.startedAt !== undefined && { started_at: line.startedAt }),
    ...(line.isReported === true && { is_reported: true }),
  };
}
