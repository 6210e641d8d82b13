import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { dayStarts, TurnTimes } from "../../../frontend/transcript/turn-times.js";
import { inTimeZone, restoreTimeZone } from "../equipment.js";

afterEach(restoreTimeZone);

const line = (itemId, startedAt) => ({
  itemId,
  contentIndex: 0,
  ...(startedAt !== undefined && { startedAt }),
});

test("a line that the server has stored has the server's time; a new one that of its first show", () => {
  let nowMs = Date.parse("2026-11-21T03:00:00Z");
  const times = new TurnTimes(() => nowMs);
  const at = (...of) => times.of(line(...of))?.toISOString();
  assert.equal(at("a", "2026-11-20T01:02:03Z"), "2026-11-20T01:02:03.000Z");
  assert.equal(at("b"), "2026-11-21T03:00:00.000Z");
  nowMs += 60_000;
  assert.equal(at("b"), "2026-11-21T03:00:00.000Z");
  assert.equal(at("b", "2026-11-21T02:59:58Z"), "2026-11-21T02:59:58.000Z");
  assert.equal(at("c"), "2026-11-21T03:01:00.000Z");
});

test("a stored line without a time has none", () => {
  const times = new TurnTimes();
  assert.deepEqual([times.of(line("a", "")), times.dayOf(line("a", ""))], [null, null]);
});

test("days are those of the reader's time zone", () => {
  const lines = ["2026-11-20T14:59:59Z", "2026-11-20T15:00:00Z", ""].map((at) => line("a", at));
  const startsIn = (zone) => {
    inTimeZone(zone);
    const times = new TurnTimes(() => Date.parse("2026-11-20T20:00:00Z"));
    return dayStarts(
      lines.map((one) => times.dayOf(one)),
      times.today,
    );
  };
  assert.deepEqual(startsIn("Asia/Tokyo"), [0, 1]);
  assert.deepEqual(startsIn("UTC"), []);
});

test("a day begins where it changes; one of today needs no date", () => {
  assert.deepEqual(dayStarts([7, 7, 8, null, 8, 9], 9), [0, 2, 5]);
  assert.deepEqual(dayStarts([9, 9, null], 9), []);
  assert.deepEqual(dayStarts([null, 7], 9), [1]);
  assert.deepEqual(dayStarts([], 9), []);
});
