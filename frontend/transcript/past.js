/** The past of a conversation, from what the server kept and what the page has seen. Pure. */

/**
 * @typedef {{
 *   item_id: string, content_index?: number, role: string, modality: string, text: string,
 *   heard_text: string | null, heard_ms: number | null, status: string, position: number,
 * }} KeptTurn
 * @typedef {{
 *   itemId: string, contentIndex: number, role: string, modality: string, text: string,
 *   heardText: string | null, heardMs: number | null, status: string, position: number,
 * }} Line
 */

/** @param {KeptTurn} turn */
const keyOfTurn = (turn) => `${turn.item_id}/${turn.content_index ?? 0}`;

/**
 * Turns to begin a new call with: what the server kept, in its order; after that what only the page
 * has seen. A server that was killed may have lost the last seconds, but the reader has read them.
 *
 * @param {ReadonlyArray<KeptTurn>} kept
 * @param {ReadonlyArray<Line>} seen
 * @returns {KeptTurn[]}
 */
export function pastOf(kept, seen) {
  const keys = new Set(kept.map(keyOfTurn));
  const onlySeen = seen
    .filter((line) => !keys.has(`${line.itemId}/${line.contentIndex}`))
    .filter((line) => line.text !== "")
    .map((line) => ({
      item_id: line.itemId,
      content_index: line.contentIndex,
      role: line.role,
      modality: line.modality,
      text: line.text,
      heard_text: line.heardText,
      heard_ms: line.heardMs,
      status: line.status,
      position: line.position,
    }));
  const last = kept.at(-1)?.position ?? -1;
  return [...kept, ...onlySeen.map((turn, index) => ({ ...turn, position: last + 1 + index }))].map(
    (turn) => (turn.status === "in_progress" ? { ...turn, status: "interrupted" } : turn),
  );
}
