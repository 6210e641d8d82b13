import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { mayBeMarkdown, noteKey, sourceKey, textToCopy } from "../../../frontend/views/bubble.js";

const line = (more) => ({
  role: "user",
  status: "completed",
  modality: "voice",
  heardText: null,
  text: "Hello.",
  shown: "Hello.",
  isPending: false,
  isHeldBack: false,
  ...more,
});
const WITHOUT_TEXT = { text: "", shown: "" };

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
    [
      "speech whose text never came",
      { status: "interrupted", ...WITHOUT_TEXT },
      "thread.not_transcribed",
    ],
    [
      "speech that could not be written down",
      { status: "failed", ...WITHOUT_TEXT },
      "thread.not_transcribed",
    ],
    ["speech that held no words", WITHOUT_TEXT, "thread.not_transcribed"],
    ["a turn whose text is not shown yet has none", { shown: "" }, null],
  ]) {
    test(name, () => assert.equal(noteKey(line(more)), expected));
  }
});

test("a line that only the browser saw says so", () => {
  assert.equal(sourceKey(line({ isReported: true })), "thread.reported");
  assert.equal(sourceKey(line({})), null);
});

describe("a line is shown as Markdown", () => {
  const answer = { role: "assistant", modality: "text" };
  for (const [name, more, expected] of [
    ["if it is a written answer", answer, true],
    ["also while it is written", { ...answer, status: "in_progress" }, true],
    ["also if it was stopped", { ...answer, status: "interrupted" }, true],
    ["not before its first word", { ...answer, ...WITHOUT_TEXT }, false],
    ["not if it was spoken", { role: "assistant" }, false],
    ["not if only a part was heard", { ...answer, heardText: "Hel" }, false],
    ["not if the user wrote it", { modality: "text" }, false],
  ]) {
    test(name, () => assert.equal(mayBeMarkdown(line(more)), expected));
  }
});

describe("the copy button copies", () => {
  const cut = { role: "assistant", status: "interrupted" };
  for (const [name, more, expected] of [
    ["the text as it was written", { text: "**Hi**", shown: "**Hi**" }, "**Hi**"],
    ["the words that were heard", { ...cut, heardText: "Hel" }, "Hel"],
    ["nothing of an answer that was not heard", { ...cut, heardText: "" }, ""],
    ["all of a written answer that was stopped", cut, "Hello."],
  ]) {
    test(name, () => assert.equal(textToCopy(line(more)), expected));
  }
});
