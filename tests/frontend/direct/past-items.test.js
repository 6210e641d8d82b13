import assert from "node:assert/strict";
import { test } from "node:test";
import { itemFrames } from "../../../frontend/direct/past-items.js";

const line = (itemId, role, text, heardText = null) => ({ itemId, role, text, heardText });

test("speech becomes text, of the type that its role has", () => {
  const frames = itemFrames([line("a", "user", "Hi."), line("b", "assistant", "Hello.")], "p_");
  assert.deepEqual(frames, [
    {
      type: "conversation.item.create",
      event_id: "p_past_0",
      item: {
        id: "a",
        type: "message",
        role: "user",
        content: [{ type: "input_text", text: "Hi." }],
      },
    },
    {
      type: "conversation.item.create",
      event_id: "p_past_1",
      item: {
        id: "b",
        type: "message",
        role: "assistant",
        content: [{ type: "output_text", text: "Hello." }],
      },
    },
  ]);
});

test("of an interrupted answer, only what was heard; nothing of one that was not", () => {
  const lines = [
    line("a", "assistant", "Four of us.", "Four"),
    line("b", "assistant", "Unheard.", ""),
    line("c", "tool", "{}"),
    line("d", "user", " "),
  ];
  assert.deepEqual(
    itemFrames(lines, "").map(({ item }) => item.content[0].text),
    ["Four"],
  );
});

test("the newest that fit, in spoken order", () => {
  const long = "x".repeat(5_000);
  const lines = ["a", "b", "c", "d"].map((id) => line(id, "user", long));
  assert.deepEqual(
    itemFrames(lines, "").map(({ item }) => item.id),
    ["c", "d"],
  );
});

test("an id is no longer than the provider takes", () => {
  const [{ item }] = itemFrames([line("i".repeat(40), "user", "Hi.")], "");
  assert.equal(item.id.length, 32);
});
