import assert from "node:assert/strict";
import { test } from "node:test";
import {
  firstTurnFrom,
  lineFromTurn,
  newestTurns,
  pastOf,
} from "../../../frontend/transcript/past.js";

const kept = (itemId, position, more = {}) => ({
  item_id: itemId,
  content_index: 0,
  role: "user",
  modality: "voice",
  text: itemId,
  heard_text: null,
  heard_ms: null,
  status: "completed",
  position,
  ...more,
});
const seen = (itemId, more = {}) => ({
  itemId,
  contentIndex: 0,
  role: "user",
  modality: "voice",
  text: itemId,
  heardText: null,
  heardMs: null,
  status: "completed",
  position: 0,
  ...more,
});

test("the server's turns come first, and lines of the page with the same key are left out", () => {
  const past = pastOf([kept("a", 0), kept("b", 7)], [seen("b"), seen("c")]);
  assert.deepEqual(
    past.map(({ item_id: id, position }) => [id, position]),
    [
      ["a", 0],
      ["b", 7],
      ["c", 8],
    ],
  );
});

test("a turn in progress when the connection broke is interrupted", () => {
  assert.equal(pastOf([], [seen("a", { status: "in_progress" })])[0].status, "interrupted");
  assert.equal(pastOf([kept("a", 0, { status: "in_progress" })], [])[0].status, "interrupted");
});

test("a line without words that only the page has is left out", () => {
  assert.deepEqual(pastOf([], [seen("a", { text: "", status: "in_progress" })]), []);
});

test("speech without a text that came to its end stays until the server has it", () => {
  for (const status of ["interrupted", "failed"]) {
    const [turn] = pastOf([], [seen("a", { text: "", status })]);
    assert.deepEqual([turn.text, turn.status], ["", status]);
    const stored = kept("a", 0, { text: "Late." });
    assert.deepEqual(pastOf([stored], [seen("a", { text: "", status })]), [stored]);
  }
  const answer = { text: "", status: "interrupted", role: "assistant" };
  assert.deepEqual(pastOf([], [seen("a", answer)]), []);
});

test("content parts of one item are different turns, and a missing index is the first", () => {
  const { content_index, ...first } = kept("a", 0);
  const past = pastOf([first], [seen("a"), seen("a", { contentIndex: 1 })]);
  assert.deepEqual(
    past.map((turn) => turn.content_index ?? 0),
    [0, 1],
  );
});

test("without kept turns positions count from 0", () => {
  const past = pastOf([], [seen("a", { position: 5 }), seen("b", { position: 9 })]);
  assert.deepEqual(
    past.map(({ position }) => position),
    [0, 1],
  );
});

test("a turn becomes a line, and the line the same turn", () => {
  const turn = kept("a", 0, { heard_text: "a", heard_ms: 9, status: "interrupted" });
  assert.deepEqual(pastOf([], [lineFromTurn(turn)]), [turn]);
});

test("a turn that only a browser saw stays marked", () => {
  const turn = kept("a", 0, { is_reported: true });
  assert.equal(lineFromTurn(turn).isReported, true);
  assert.deepEqual(pastOf([], [lineFromTurn(turn)]), [turn]);
  assert.equal("isReported" in lineFromTurn(kept("b", 1, { is_reported: false })), false);
});

test("the first turn at or after a position is found, as positions have gaps", () => {
  const turns = [kept("u1", 0), kept("a1", 1), kept("u2", 1000)];
  const found = [0, 1, 2, 1001].map((position) => firstTurnFrom(turns, position)?.item_id);
  assert.deepEqual(found, ["u1", "a1", "u2", undefined]);
});

test("newest turns replace the known ones from an index on", () => {
  const known = ["a", "b", "c"].map(kept);
  const changed = { ...known[2], text: "more" };
  assert.equal(newestTurns(known, known.slice(1), 1), known);
  assert.equal(newestTurns(known, known, 0), known);
  assert.deepEqual(newestTurns(known, [known[1], changed, kept("d", 3)], 1), [
    known[0],
    known[1],
    changed,
    kept("d", 3),
  ]);
  assert.deepEqual(newestTurns(known, [], 0), []);
});

test("newest turns that do not begin where they did are not enough", () => {
  const known = ["a", "b", "c"].map(kept);
  assert.equal(newestTurns(known, [known[0], known[1]], 1), null);
  assert.equal(newestTurns(known, [], 2), null);
  assert.equal(newestTurns(known, [kept("d", 3)], 3), null);
});

test("the server's time of a turn stays with its line, and what only the page has seen has none", () => {
  const kept = (more) => lineFromTurn({ item_id: "a", role: "user", text: "Hello", ...more });
  const started = { started_at: "2026-11-21T03:00:00Z", completed_at: "2026-11-21T03:00:02Z" };
  assert.equal(kept(started).startedAt, started.started_at);
  assert.equal(kept({ ...started, started_at: null }).startedAt, started.completed_at);
  assert.equal(kept({ started_at: null, completed_at: null }).startedAt, "");
  assert.equal("startedAt" in kept({}), false);
  const [again] = pastOf([], [kept(started)]);
  assert.equal(again.started_at, started.started_at);
  assert.equal("started_at" in pastOf([], [kept({})])[0], false);
});

test("that a browser has reported a turn is kept with it", () => {
  const line = lineFromTurn({ item_id: "a", role: "user", text: "Hello", is_reported: true });
  assert.equal(line.isReported, true);
  assert.equal(pastOf([], [line])[0].is_reported, true);
  assert.equal("isReported" in lineFromTurn({ item_id: "a", text: "Hello" }), false);
});
