/** The lines as the turns of a tape; a line whose text is still awaited is no turn yet. */
export const turnsOf = (lines) =>
  lines
    .filter(({ text, status }) => text !== "" || status !== "in_progress")
    .map((line) => ({
      item_id: line.itemId,
      content_index: line.contentIndex,
      role: line.role,
      modality: line.modality,
      text: line.text,
      status: line.status,
      heard_text: line.heardText,
      heard_ms: line.heardMs,
    }));
