import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { dayNumber, groupOf } from "../../../frontend/words/calendar.js";
import { inTimeZone, restoreTimeZone } from "../equipment.js";

afterEach(restoreTimeZone);

const NOW = new Date("2026-11-21T03:00:00Z");
const nameOf = (iso, now = NOW) => groupOf(new Date(iso), now).name;

test("a day begins at midnight of the reader's time zone", () => {
  // Noon in Tokyo; the evening before in New York.
  inTimeZone("Asia/Tokyo");
  assert.equal(nameOf("2026-11-20T15:00:00Z"), "today");
  assert.equal(nameOf("2026-11-20T14:59:59Z"), "yesterday");
  inTimeZone("America/New_York");
  assert.equal(nameOf("2026-11-20T05:00:00Z"), "today");
  assert.equal(nameOf("2026-11-20T04:59:59Z"), "yesterday");
});

test("after yesterday come the rest of seven days, and then months", () => {
  inTimeZone("UTC");
  assert.equal(nameOf("2026-11-19T23:59:59Z"), "week");
  assert.equal(nameOf("2026-11-14T00:00:00Z"), "week");
  assert.equal(nameOf("2026-11-13T23:59:59Z"), "month");
  const keys = ["2026-11-13", "2026-11-01", "2026-10-31", "2025-10-31"].map(
    (day) => groupOf(new Date(`${day}T12:00:00Z`), NOW).key,
  );
  assert.deepEqual([keys[0] === keys[1], new Set(keys).size], [true, 3]);
});

test("a moment ahead of this clock is of today", () => {
  inTimeZone("UTC");
  assert.equal(nameOf("2026-11-23T00:00:00Z"), "today");
});

test("days are consecutive where the clocks change, also over the turn of a year", () => {
  inTimeZone("Europe/Berlin");
  const days = (from, to) => dayNumber(new Date(to)) - dayNumber(new Date(from));
  assert.equal(days("2026-03-28T22:30:00Z", "2026-03-29T22:30:00Z"), 2);
  assert.equal(days("2026-10-24T22:30:00Z", "2026-10-25T22:30:00Z"), 0);
  assert.equal(days("2026-12-31T12:00:00Z", "2027-01-01T12:00:00Z"), 1);
});
