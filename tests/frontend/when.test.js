import assert from "node:assert/strict";
import { test } from "node:test";
import { whenText } from "../../frontend/when.js";

const now = new Date(2026, 10, 28, 12, 0);

test("within a day the time is enough, rounded up to a minute", () => {
  assert.match(whenText(new Date(2026, 10, 28, 13, 30), now), /^(1:30\sPM|13:30)$/);
  assert.match(whenText(new Date(2026, 10, 28, 13, 30, 1), now), /^(1:31\sPM|13:31)$/);
  assert.match(whenText(new Date(2026, 10, 29, 0, 0), now), /^(12:00\sAM|24:00|00:00|0:00)$/);
});

test("days away it has its date", () => {
  const text = whenText(new Date(2026, 11, 1, 0, 0), now);
  assert.match(text, /December|12/);
  assert.match(text, /1/);
});
