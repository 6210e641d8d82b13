import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { hasBubble, noteKey } from "../../../frontend/views/thread.js";

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

describe("the note of a line", () => {
  for (const [name, more, expected] of [
    ["a completed turn has none", {}, null],
    ["a message that waits for the call", { isPending: true, isHeldBack: true }, "thread.not_sent"],
    ["a message that is not confirmed", { isPending: true }, "thread.sending"],
    ["a failed turn of the user", { status: "failed" }, "thread.failed_user"],
    ["a failed answer", { role: "assistant", status: "failed" }, "thread.failed_assistant"],
    ["an interrupted answer", { role: "assistant", status: "interrupted" }, "thread.cut_off"],
    ["an interrupted turn of the user has none", { status: "interrupted" }, null],
    ["an answer without text so far", { role: "assistant", ...WITHOUT_TEXT }, "thread.preparing"],
    [
      "speech without text so far",
      { status: "in_progress", ...WITHOUT_TEXT },
      "thread.writing_down",
    ],
    [
      "a typed message without text so far",
      { status: "in_progress", modality: "text", ...WITHOUT_TEXT },
      "thread.sending",
    ],
    ["speech that held no words", WITHOUT_TEXT, "thread.nothing_heard"],
    ["a turn whose text is not shown yet has none", { shown: "" }, null],
  ]) {
    test(name, () => assert.equal(noteKey(line(more)), expected));
  }
});
