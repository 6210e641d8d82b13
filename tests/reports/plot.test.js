/** What the charts of numbers draw, computed from their tables. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  axisText,
  dayAfterKey,
  labelledDays,
  stacked,
  tableOf,
} from "../../backend/reports/static/reports/plot.js";

const cell = (value) => ({ value, text: `<${value}>` });

test("a table becomes a column for each series; an empty value is a gap", () => {
  const table = tableOf([
    { label: "1 Nov", cells: [cell("3"), cell("")] },
    { label: "2 Nov", cells: [cell("0"), cell("1.5")] },
  ]);
  assert.deepEqual(table, {
    days: ["1 Nov", "2 Nov"],
    columns: [
      [3, 0],
      [null, 1.5],
    ],
    texts: [
      ["<3>", "<>"],
      ["<0>", "<1.5>"],
    ],
  });
});

test("bars stand on those before them", () => {
  assert.deepEqual(
    stacked([
      [1, 2],
      [10, null],
      [100, 100],
    ]),
    [
      [1, 2],
      [11, 2],
      [111, 102],
    ],
  );
  assert.deepEqual(stacked([]), []);
});

test("labels of days do not touch, and the last day has one", () => {
  assert.deepEqual(labelledDays(7, 640), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(labelledDays(30, 400), [4, 9, 14, 19, 24, 29]);
  assert.deepEqual(labelledDays(90, 10), [89]);
  for (const width of [200, 500, 1200]) {
    assert.ok(labelledDays(90, width).length <= width / 64);
  }
});

test("the arrow keys go from day to day and stop at the ends", () => {
  assert.equal(dayAfterKey("ArrowLeft", 3, 7), 2);
  assert.equal(dayAfterKey("ArrowLeft", 0, 7), 0);
  assert.equal(dayAfterKey("ArrowLeft", null, 7), 6);
  assert.equal(dayAfterKey("ArrowRight", 3, 7), 4);
  assert.equal(dayAfterKey("ArrowRight", 6, 7), 6);
  assert.equal(dayAfterKey("ArrowRight", null, 7), 6);
  assert.equal(dayAfterKey("Home", 3, 7), 0);
  assert.equal(dayAfterKey("End", 3, 7), 6);
  assert.equal(dayAfterKey("Tab", 3, 7), null);
});

test("numbers on the axis are short", () => {
  assert.equal(axisText("count", 1500), "1.5K");
  assert.equal(axisText("usd", 0.05), "$0.05");
  assert.equal(axisText("ms", 800), "800 ms");
  assert.equal(axisText("ms", 1500), "1.5 s");
  assert.equal(axisText("unknown", 2), "2");
});
