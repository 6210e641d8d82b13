/** Typed messages of the transcript that have no answer, and may be sent again. Pure. */

/** @import { ShownLine } from "../transcript/shown-lines.js" */

/**
 * `failed` or missing: the same message is answered in its own place, if it is sent with its id.
 * `interrupted`: the server keeps what there is as its answer, so it must be asked anew.
 *
 * @typedef {{ kind: "failed" | "missing" | "interrupted", hasWords: boolean }} Unanswered `hasWords`:
 *   something came of the answer, and is shown.
 */

/**
 * The messages without an answer, by item id. An answer that failed counts anywhere in the
 * conversation; one that is missing or was interrupted only at the end, since the user went on.
 *
 * @param {ReadonlyArray<ShownLine>} lines In spoken order.
 * @returns {Map<string, Unanswered>}
 */
export function unansweredMessages(lines) {
  const spoken = lines.filter(({ role }) => role === "user" || role === "assistant");
  const found = new Map();
  let end = spoken.length;
  for (let index = end - 1; index >= 0; index -= 1) {
    const line = spoken[index];
    if (line?.role !== "user") continue;
    const unanswered = judged(line, spoken.slice(index + 1, end), end === spoken.length);
    if (unanswered) found.set(line.itemId, unanswered);
    end = index;
  }
  return found;
}

/**
 * The same in a call that waits for the user: the last message only, and not if its answer was interrupted,
 * which is ordinary there. Older ones would appear and vanish with every turn.
 *
 * @param {ReadonlyArray<ShownLine>} lines In spoken order.
 * @returns {Map<string, Unanswered>}
 */
export function unansweredInCall(lines) {
  const last = lines.findLast(({ role }) => role === "user")?.itemId;
  const found = [...unansweredMessages(lines)];
  return new Map(found.filter(([id, { kind }]) => id === last && kind !== "interrupted"));
}

/**
 * @param {ShownLine} message
 * @param {ReadonlyArray<ShownLine>} answers The assistant's lines before the next message.
 * @param {boolean} isLast
 * @returns {Unanswered | null}
 */
function judged(message, answers, isLast) {
  const isSent = message.modality === "text" && message.status === "completed";
  if (!isSent || message.isPending || message.isHeldBack) return null;
  const statuses = new Set(answers.map(({ status }) => status));
  const hasWords = answers.some(({ text }) => text !== "");
  if (statuses.size > 1) return null;
  if (statuses.has("failed")) return { kind: "failed", hasWords };
  if (!isLast) return null;
  if (statuses.size === 0) return { kind: "missing", hasWords };
  return statuses.has("interrupted") ? { kind: "interrupted", hasWords } : null;
}
