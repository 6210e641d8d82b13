import assert from "node:assert/strict";
import { test } from "node:test";
import { unansweredInCall, unansweredMessages } from "../../../frontend/chat/unanswered.js";

const typed = (itemId, more) => ({
  itemId,
  role: "user",
  modality: "text",
  text: itemId,
  status: "completed",
  isPending: false,
  isHeldBack: false,
  ...more,
});
const answer = (status, more) => ({ ...typed("a", more), role: "assistant", status });
const found = (...lines) =>
  [...unansweredMessages(lines)].map(([itemId, { kind, hasWords }]) => [itemId, kind, hasWords]);

test("a message with an answer, whole or on its way, is not sent again", () => {
  assert.deepEqual(found(), []);
  assert.deepEqual(found(typed("m1"), answer("completed")), []);
  assert.deepEqual(found(typed("m1"), answer("in_progress")), []);
  assert.deepEqual(found(typed("m1"), answer("interrupted"), answer("completed")), []);
});

test("the last message may lack an answer, or have one that was interrupted", () => {
  assert.deepEqual(found(typed("m1")), [["m1", "missing", false]]);
  assert.deepEqual(found(typed("m1"), answer("interrupted")), [["m1", "interrupted", true]]);
  const wordless = answer("interrupted", { text: "" });
  assert.deepEqual(found(typed("m1"), wordless), [["m1", "interrupted", false]]);
});

test("of an earlier message only a failed answer counts: the user went on", () => {
  const last = [typed("m2"), answer("completed")];
  assert.deepEqual(found(typed("m1"), ...last), []);
  assert.deepEqual(found(typed("m1"), answer("interrupted"), ...last), []);
  assert.deepEqual(found(typed("m1"), answer("failed"), ...last), [["m1", "failed", true]]);
});

test("speech, and a message that was not sent yet or has failed, are left alone", () => {
  assert.deepEqual(found(typed("m1", { modality: "voice" })), []);
  assert.deepEqual(found(typed("m1", { isPending: true })), []);
  assert.deepEqual(found(typed("m1", { isHeldBack: true })), []);
  assert.deepEqual(found(typed("m1", { status: "failed" })), []);
});

test("calls of tools between a message and its answer do not count", () => {
  const tool = { ...typed("t"), role: "tool" };
  assert.deepEqual(found(typed("m1"), tool, answer("completed")), []);
  assert.deepEqual(found(typed("m1"), tool), [["m1", "missing", false]]);
});

test("in a call only the last message counts, and an answer that was interrupted is ordinary", () => {
  const inCall = (...lines) => [...unansweredInCall(lines).keys()];
  assert.deepEqual(inCall(typed("m1")), ["m1"]);
  assert.deepEqual(inCall(typed("m1"), answer("failed")), ["m1"]);
  assert.deepEqual(inCall(typed("m1"), answer("interrupted")), []);
  assert.deepEqual(inCall(typed("m1"), answer("failed"), typed("m2"), answer("completed")), []);
  assert.deepEqual(inCall(typed("m1"), typed("v1", { modality: "voice" })), []);
});
