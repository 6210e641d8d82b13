import assert from "node:assert/strict";
import { test } from "node:test";
import { FinishedTurns } from "../../../frontend/transcript/finished-turns.js";

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
