import assert from "node:assert/strict";
import { test } from "node:test";
import { Captions } from "../../../frontend/transcript/captions.js";
import { shownLines } from "../../../frontend/transcript/shown-lines.js";

const line = (itemId) => ({ itemId, contentIndex: 0, role: "assistant", text: "one two three" });
const message = { itemId: "u1", text: "Hello" };

test("a spoken line is shown as far as it was played", () => {
  const captions = new Captions();
  captions.received("a1", 0, 1000);
  const [shown] = shownLines([line("a1")], [], captions, false);
  assert.deepEqual([shown.text, shown.shown, shown.isPending], ["one two three", "", false]);
});

test("messages that are not confirmed come last, whole and pending", () => {
  const [, last] = shownLines([line("a1")], [message], new Captions(), false);
  assert.deepEqual(
    [last.itemId, last.role, last.shown, last.status, last.isPending, last.isHeldBack],
    ["u1", "user", "Hello", "in_progress", true, false],
  );
});

test("they are held back while the call is closed", () => {
  assert.equal(shownLines([], [message], new Captions(), true)[0].isHeldBack, true);
});

test("so is one that the open call has not taken in time", () => {
  const held = (ids) =>
    shownLines([], [message], new Captions(), false, new Set(ids)).map((one) => one.isHeldBack);
  assert.deepEqual([held(["u1"]), held(["u2"])], [[true], [false]]);
});

test("a message whose item is in the transcript is not shown twice", () => {
  assert.equal(shownLines([line("u1")], [message], new Captions(), false).length, 1);
});
