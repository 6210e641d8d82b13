import assert from "node:assert/strict";
import { test } from "node:test";

import { UnfinishedParts } from "../../../frontend/audio/unfinished-parts.js";

const part = (itemId, contentIndex = 0, responseId = "r1") => ({
  itemId,
  contentIndex,
  responseId,
});

test("a part is taken once, by its own end or by that of its item or response", () => {
  const parts = new UnfinishedParts();
  for (const one of [part("a"), part("a"), part("a", 1), part("b"), part("c", 0, "r2")]) {
    parts.add(one);
  }
  const taken = (hasEnded) => parts.take(hasEnded).map((one) => `${one.itemId}${one.contentIndex}`);
  assert.deepEqual(
    taken((one) => one.itemId === "a" && one.contentIndex === 0),
    ["a0"],
  );
  assert.deepEqual(
    taken(({ itemId }) => itemId === "a"),
    ["a1"],
  );
  assert.deepEqual(
    taken(({ responseId }) => responseId === "r2"),
    ["c0"],
  );
  assert.deepEqual([taken(), taken()], [["b0"], []]);
});
