import assert from "node:assert/strict";
import { test } from "node:test";
import { DeltaText } from "../../../frontend/transcript/delta-text.js";

const joined = (...deltas) => {
  const text = new DeltaText();
  return deltas.map((delta) => text.add(delta));
};

test("a half of a divided character waits for its other half", () => {
  assert.deepEqual(joined("Nice ", "\ud83d", "\ude00 ok"), ["Nice ", "", "😀 ok"]);
  assert.deepEqual(joined("Nice \ud83d", "", "\ude00 ok"), ["Nice ", "", "😀 ok"]);
  assert.deepEqual(joined("\ud83d", "\ude00\ud83d", "\ude00"), ["", "😀", "😀"]);
});

test("a half without its other half is dropped, as NUL is", () => {
  assert.deepEqual(joined("Nice \ud83d", " ok", "\ude00"), ["Nice ", " ok", ""]);
  assert.deepEqual(joined("\ud83d", "\ud83d", "\ude00"), ["", "", "😀"]);
  assert.deepEqual(joined("\ude00 ok \ud83d"), [" ok "]);
  assert.deepEqual(joined("\ud83d", "\0\ude00", "日\0本"), ["", "", "日本"]);
});
