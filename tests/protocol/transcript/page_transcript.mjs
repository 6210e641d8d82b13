/**
 * Runs the page's assembler for the Python tests: reads conversations as JSON from standard input,
 * `[[event, ...], ...]`, and writes the turns of each.
 */

import { readFileSync } from "node:fs";

import { TranscriptAssembler } from "../../../frontend/transcript/assembler.js";

const turnsIn = (events) => {
  const transcript = new TranscriptAssembler();
  for (const event of events) transcript.feed(event);
  return transcript
    .lines()
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
};

const conversations = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(conversations.map(turnsIn)));
