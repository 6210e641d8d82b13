import assert from "node:assert/strict";
import { test } from "node:test";
import { toolCallIn } from "../../../frontend/direct/tool-calls.js";

const done = (item) => ({ type: "response.output_item.done", item });
const call = (args) =>
  toolCallIn(done({ id: "i1", type: "function_call", name: "find_order", arguments: args }));

test("a completed function call is its name and its arguments", () => {
  assert.deepEqual(call('{"customer": "Sato", "days": 3, "open": true}'), {
    id: "i1",
    name: "find_order",
    text: "customer: Sato, days: 3, open: true",
  });
});

test("arguments that are no object are shown as they are, and long ones cut off", () => {
  assert.equal(call("[1, 2]").text, "[1, 2]");
  assert.equal(call("{broken").text, "{broken");
  assert.equal(call("x".repeat(500)).text.length, 161);
});

test("other events are none", () => {
  assert.equal(toolCallIn(done({ type: "message" })), null);
  assert.equal(toolCallIn(done(undefined)), null);
  assert.equal(
    toolCallIn({ type: "response.output_item.added", item: { type: "function_call" } }),
    null,
  );
});
