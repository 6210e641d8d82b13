import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { hasBubble } from "../../../frontend/views/thread.js";

const line = (more) => ({
  role: "user",
  status: "completed",
  modality: "voice",
  text: "Hello.",
  shown: "Hello.",
  isPending: false,
  isHeldBack: false,
  ...more,
});
const WITHOUT_TEXT = { text: "", shown: "" };

describe("a line has a bubble", () => {
  for (const [name, more, expected] of [
    ["of the user, also without text", WITHOUT_TEXT, true],
    ["of the assistant with text", { role: "assistant" }, true],
    [
      "of an answer in progress",
      { role: "assistant", status: "in_progress", ...WITHOUT_TEXT },
      true,
    ],
    ["of a failed answer", { role: "assistant", status: "failed", ...WITHOUT_TEXT }, true],
    ["not of an answer that ended without text", { role: "assistant", ...WITHOUT_TEXT }, false],
    ["not of a tool call", { role: "tool" }, false],
  ]) {
    test(name, () => assert.equal(hasBubble(line(more)), expected));
  }
});
