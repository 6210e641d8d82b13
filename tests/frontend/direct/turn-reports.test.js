import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { TurnReports } from "../../../frontend/direct/turn-reports.js";

const T1 = "2026-11-28T12:00:01.000Z";
const T2 = "2026-11-28T12:00:02.000Z";
const T3 = "2026-11-28T12:00:03.000Z";

/** A line of the conversation, as it is shown. */
const line = (itemId, text, more = {}) => ({
  itemId,
  contentIndex: 0,
  role: "user",
  modality: "voice",
  text,
  shown: text,
  heardText: null,
  heardMs: null,
  status: "completed",
  position: 0,
  isPending: false,
  isHeldBack: false,
  ...more,
});
const answer = (itemId, text, more = {}) => line(itemId, text, { role: "assistant", ...more });
const ids = (turns) => turns.map(({ item_id }) => item_id);

let reports;
beforeEach(() => {
  reports = new TurnReports();
});

test("a final turn is reported once, with its times", () => {
  reports.see([line("u1", "", { status: "in_progress" })], T1);
  const lines = [line("u1", "Hello.")];
  assert.deepEqual(reports.take(lines, T2), [
    {
      item_id: "u1",
      content_index: 0,
      role: "user",
      modality: "voice",
      text: "Hello.",
      heard_text: null,
      heard_ms: null,
      status: "completed",
      started_at: T1,
      completed_at: T2,
    },
  ]);
  assert.deepEqual(reports.take(lines, T3), []);
});

test("an answer waits for the words that it answers", () => {
  const speech = line("u1", "", { status: "in_progress" });
  assert.deepEqual(reports.take([speech, answer("a1", "Yes.")], T1), []);
  assert.deepEqual(ids(reports.take([line("u1", "Well?"), answer("a1", "Yes.")], T2)), [
    "u1",
    "a1",
  ]);
});

test("an answer that still sounds may be cut off, and is not final", () => {
  assert.deepEqual(reports.take([answer("a1", "Yes, of course.", { shown: "Yes," })], T1), []);
  const cut = answer("a1", "Yes, of course.", {
    shown: "Yes,",
    heardText: "Yes,",
    heardMs: 400,
    status: "interrupted",
  });
  const [turn] = reports.take([cut], T2);
  assert.deepEqual(
    [turn.status, turn.heard_text, turn.heard_ms, turn.text],
    ["interrupted", "Yes,", 400, "Yes, of course."],
  );
});

test("a turn that changes afterwards is reported again", () => {
  reports.take([answer("a1", "Yes.")], T1);
  const cut = answer("a1", "Yes.", { heardText: "", heardMs: 0, status: "interrupted" });
  assert.deepEqual(
    reports.take([cut], T2).map(({ status, completed_at }) => [status, completed_at]),
    [["interrupted", T1]],
  );
});

test("what the server has stored is not reported", () => {
  assert.deepEqual(
    reports.take([line("u0", "Earlier.", { startedAt: T1 }), line("u1", "New.")], T2).length,
    1,
  );
});

test("an answer without words is no turn, and keeps no other back; speech without a text is one", () => {
  const empty = answer("a0", "", { status: "failed" });
  assert.deepEqual(ids(reports.take([empty, answer("a1", "Yes.")], T1)), ["a1"]);
  const lost = line("u1", "", { status: "failed" });
  assert.deepEqual(ids(reports.take([lost], T1)), ["u1"]);
});

test("at the end, turns in progress are reported as they are", () => {
  const lines = [line("u1", "Hel", { status: "in_progress" }), answer("a1", "Yes.", { shown: "" })];
  assert.deepEqual(
    reports
      .take(lines, T1, { isLast: true })
      .map(({ status, completed_at }) => [status, completed_at]),
    [
      ["in_progress", null],
      ["completed", null],
    ],
  );
});
