/**
 * Runs the page's assembler for the Python tests: reads conversations as JSON from standard input,
 * `[[event, ...], ...]`, and writes the turns of each.
 */

import { readFileSync } from "node:fs";

import { TranscriptAssembler } from "../../../frontend/transcript/assembler.js";
import { turnsOf } from "../../frontend/transcript/turns.js";

const turnsIn = (events) => {
  const transcript = new TranscriptAssembler();
  for (const event of events) transcript.feed(event);
  return turnsOf(transcript.lines());
};

const conversations = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(conversations.map(turnsIn)));
