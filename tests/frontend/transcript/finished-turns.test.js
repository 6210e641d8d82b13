import assert from "node:assert/strict";
import { test } from "node:test";
import { FinishedTurns, heardOf } from "../../../frontend/transcript/finished-turns.js";

const line = (itemId, more = {}) => ({
  itemId,
  contentIndex: 0,
  role: "user",
  text: itemId,
  status: "completed",
  ...more,
});
const ids = (lines) => lines.map(({ itemId }) => itemId);

test("a turn is returned once, when it is final", () => {
  const finished = new FinishedTurns();
  assert.deepEqual(ids(finished.take([line("a", { status: "in_progress" })])), []);
  assert.deepEqual(ids(finished.take([line("a")])), ["a"]);
  assert.deepEqual(ids(finished.take([line("a", { status: "interrupted" })])), []);
});

test("interrupted and failed turns are final", () => {
  const lines = [line("a", { status: "interrupted" }), line("b", { status: "failed" })];
  assert.deepEqual(ids(new FinishedTurns().take(lines)), ["a", "b"]);
});

test("a blank turn is not returned; one that gets words is", () => {
  const finished = new FinishedTurns();
  assert.deepEqual(ids(finished.take([line("a", { text: "\u3000\n" })])), []);
  assert.deepEqual(ids(finished.take([line("a")])), ["a"]);
});

test("turns of earlier calls are skipped; content parts are told apart", () => {
  const finished = new FinishedTurns();
  finished.skip([line("a")]);
  const lines = [line("a"), line("a", { contentIndex: 1 })];
  assert.deepEqual(
    finished.take(lines).map(({ contentIndex }) => contentIndex),
    [1],
  );
});

test("lines that are the same objects at the same place are not read again", () => {
  const finished = new FinishedTurns();
  let reads = 0;
  const counted = Object.defineProperty(line("a"), "status", {
    get: () => {
      reads += 1;
      return "completed";
    },
  });
  assert.deepEqual(ids(finished.take([counted])), ["a"]);
  assert.deepEqual(ids(finished.take([counted, line("b")])), ["b"]);
  assert.equal(reads, 1);
});

test("a turn whose sound is not over is returned when it is, also in another transcript", () => {
  const finished = new FinishedTurns();
  const [answer, question] = [line("a", { role: "assistant" }), line("b")];
  const isSounding = ({ itemId }) => itemId === "a";
  assert.deepEqual(ids(finished.take([answer, question], isSounding)), ["b"]);
  finished.skip([answer, question]);
  assert.deepEqual(ids(finished.take([{ ...answer }, question], isSounding)), []);
  assert.deepEqual(ids(finished.take([{ ...answer }, question])), ["a"]);
  assert.deepEqual(ids(finished.take([answer, question])), []);
});

test("what was heard is the whole text, unless the answer was cut", () => {
  const text = "One, two, three.";
  const spoken = line("a", { text, heardText: null });
  const cut = { status: "interrupted" };
  assert.deepEqual(heardOf(spoken), { heard: text, isCut: false });
  assert.deepEqual(heardOf({ ...spoken, ...cut, heardText: "One," }), {
    heard: "One,",
    isCut: true,
  });
  assert.deepEqual(heardOf({ ...spoken, ...cut, heardText: "" }), { heard: "", isCut: true });
  assert.deepEqual(heardOf({ ...spoken, ...cut }), { heard: text, isCut: true });
});
