import assert from "node:assert/strict";
import { test } from "node:test";
import { Captions } from "../../../frontend/transcript/captions.js";
import { ShownLines } from "../../../frontend/transcript/shown-lines.js";

const line = (itemId) => ({ itemId, contentIndex: 0, role: "assistant", text: "one two three" });
const shownLines = (lines, unconfirmed, captions, isClosed, givenUpItemIds) =>
  new ShownLines(captions).of(lines, unconfirmed, isClosed, givenUpItemIds);
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

test("a line that is shown as it was is the same object", () => {
  const captions = new Captions();
  const shownLines = new ShownLines(captions);
  const [before, spoken] = [line("a1"), line("a2")];
  const first = shownLines.of([before, spoken], [], false);
  captions.received("a2", 0, 1000);
  captions.played("a2", 0, 500);
  const second = shownLines.of([before, spoken], [], false);
  assert.equal(second[0], first[0]);
  assert.equal(second[1].shown, "one two");
  assert.equal(shownLines.of([before, spoken], [], false)[1], second[1]);
  captions.over("a2", 0);
  const third = shownLines.of([before, spoken], [], false);
  assert.equal(third[1].shown, "one two three");
  assert.equal(shownLines.of([before, { ...spoken }], [message], false)[0], first[0]);
});
