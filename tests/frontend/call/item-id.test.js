import assert from "node:assert/strict";
import { test } from "node:test";
import { newItemId } from "../../../frontend/call/item-id.js";

test("an item id is fresh and short enough for the provider", () => {
  assert.match(newItemId(), /^page_[0-9a-f]{24}$/);
  assert.notEqual(newItemId(), newItemId());
});
