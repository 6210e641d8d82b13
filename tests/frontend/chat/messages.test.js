import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import {
  isUnsent,
  JoinedLines,
  joinedLines,
  linesOf,
  queuedMessage,
  turnOf,
} from "../../../frontend/chat/messages.js";

const explain = ({ code }) => `why: ${code}`;
const message = (more) => ({ ...queuedMessage("m1", "Hi"), ...more });
const shown = (more) =>
  linesOf(message(more), explain).map(({ role, shown, status, isPending, failure }) => ({
    role,
    shown,
    status,
    isPending,
    ...(failure === undefined ? {} : { failure }),
  }));

test("a message is pending until the server has taken it", () => {
  const line = { role: "user", shown: "Hi", status: "completed" };
  assert.deepEqual(shown({}), [{ ...line, isPending: true }]);
  assert.deepEqual(shown({ state: "sending" }), [{ ...line, isPending: true }]);
  assert.deepEqual(shown({ state: "answering" }), [{ ...line, isPending: false }]);
});

test("an answer has a line from its first word on", () => {
  assert.deepEqual(shown({ state: "answering", answer: "Hel" })[1], {
    role: "assistant",
    shown: "Hel",
    status: "in_progress",
    isPending: false,
  });
});

test("a failed message says why, and what came of its answer failed too", () => {
  const error = new ApiError("no_network", 0, "");
  const lines = shown({ state: "failed", answer: "Hel", error });
  assert.deepEqual(
    lines.map(({ status, failure }) => [status, failure]),
    [
      ["failed", "why: no_network"],
      ["failed", undefined],
    ],
  );
});

test("the lines of a message and its answer have keys of their own", () => {
  const ids = linesOf(message({ state: "answering", answer: "Hel" }), explain).map(
    ({ itemId }) => itemId,
  );
  assert.deepEqual([ids[0], new Set(ids).size], ["m1", 2]);
});

test("only a message that is being answered is surely with the server", () => {
  const states = ["queued", "sending", "answering", "failed"];
  assert.deepEqual(
    states.map((state) => isUnsent(message({ state }))),
    [true, true, false, true],
  );
});

test("the turn of a message has its id", () => {
  const { item_id, role, modality, text, status } = turnOf({ itemId: "m1", text: "Hi" });
  assert.deepEqual(
    [item_id, role, modality, text, status],
    ["m1", "user", "text", "Hi", "completed"],
  );
});

test("an answer that is being stopped is interrupted", () => {
  const [, answer] = shown({ state: "answering", answer: "Hel", isStopWanted: true });
  assert.equal(answer.status, "interrupted");
});

test("messages stand behind the transcript, and a failed one that the server has in its place", () => {
  const error = new ApiError("provider_failed", 200, "");
  const failed = linesOf(message({ state: "failed", answer: "Hel", error }), explain);
  const kept = (itemId) => ({ ...failed[0], itemId, status: "completed", failure: undefined });
  const ids = (lines) => lines.map(({ itemId, failure }) => [itemId, failure ?? ""]);
  assert.deepEqual(ids(joinedLines([kept("u1")], failed)), [
    ["u1", ""],
    ["m1", "why: provider_failed"],
    ["m1.answer", ""],
  ]);
  assert.deepEqual(ids(joinedLines([kept("m1"), kept("a1"), kept("u2")], failed)), [
    ["m1", "why: provider_failed"],
    ["a1", ""],
    ["u2", ""],
  ]);
});

test("a message that is sent again is answered in its place, instead of the failed answer", () => {
  const [question] = linesOf(message({}), explain);
  const kept = (itemId, role, status) => ({ ...question, itemId, role, status });
  const transcript = [
    kept("m1", "user", "completed"),
    kept("a1", "assistant", "failed"),
    kept("m2", "user", "completed"),
    kept("a2", "assistant", "failed"),
  ];
  const ids = (more) =>
    joinedLines(transcript, linesOf(message(more), explain)).map(({ itemId }) => itemId);
  assert.deepEqual(ids({ state: "sending" }), ["m1", "m2", "a2"]);
  assert.deepEqual(ids({ state: "answering", answer: "Hel" }), ["m1", "m1.answer", "m2", "a2"]);
});

test("joined again and again, the lines are the same, and those of the transcript the same objects", () => {
  const joined = new JoinedLines();
  const kept = (itemId, role = "user") => ({ itemId, role, status: "completed" });
  const transcript = [kept("u1"), kept("a1", "assistant"), kept("m1")];
  const own = linesOf(message({ state: "answering", answer: "Hel" }), explain);
  const other = own.map((line) => ({ ...line, itemId: line.itemId.replace("m1", "m2") }));
  for (const [given, lines] of [
    [transcript, []],
    [transcript, other],
    [transcript, own],
    [transcript.slice(0, 2), own],
    [transcript, own],
    [transcript, [...own, ...other]],
    [transcript, other],
  ]) {
    const made = joined.of(given, lines);
    assert.deepEqual(made, joinedLines(given, lines));
    assert.equal(made[0], given[0]);
  }
});
