import assert from "node:assert/strict";
import { test } from "node:test";
import { isTooLong } from "../../../frontend/call/message-length.js";

test("a message may have 32,000 characters", () => {
  assert.equal(isTooLong("a".repeat(32_000)), false);
  assert.equal(isTooLong("a".repeat(32_001)), true);
});

test("an emoji counts as one character, as on the server", () => {
  assert.equal(isTooLong("😀".repeat(32_000)), false);
  assert.equal(isTooLong("😀".repeat(32_001)), true);
});
