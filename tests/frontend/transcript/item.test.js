import assert from "node:assert/strict";
import { test } from "node:test";
import { Item, Part } from "../../../frontend/transcript/item.js";

const item = (role) => Object.assign(new Item("i1"), { role });

test("a part has the streamed text until the complete text comes", () => {
  const part = new Part("text");
  part.addText("Hel", "e1");
  part.addText("Hel", "e1");
  part.addText("lo", "e2");
  assert.equal(part.text, "Hello");
  part.completeText("Hello.");
  part.addText(" late", "e3");
  assert.equal(part.text, "Hello.");
});

test("a repeated half of a divided character counts once", () => {
  const part = new Part("text");
  part.addText("Nice \ud83d", "e1");
  part.addText("Nice \ud83d", "e1");
  assert.equal(part.text, "Nice ");
  part.addText("\ude00 ok\ud83d", "e2");
  part.addText("\ude00 ok\ud83d", "e2");
  assert.equal(part.text, "Nice 😀 ok");
  part.completeText("");
  assert.equal(part.text, "Nice 😀 ok");
});

test("blank text does not replace words, and after a truncation none that is shorter does", () => {
  const part = new Part("voice");
  part.addText("Hello there", "");
  part.completeText(" ");
  assert.equal(part.text, "Hello there");
  part.truncate(500);
  part.completeText("Hello");
  assert.equal(part.text, "Hello there");
});

test("of two truncations the shorter counts", () => {
  const part = new Part("voice");
  part.truncate(500);
  part.truncate(800);
  assert.equal(part.heardMs, 500);
});

test("the user's speech makes a line while its text may still come", () => {
  const part = new Part("voice");
  const speech = item("user");
  assert.equal(speech.isLine(part, false), false);
  assert.equal(speech.isLine(part, true), true);
  speech.isCommitted = true;
  assert.equal(speech.isLine(part, false), true);
  part.isTranscribed = true;
  assert.equal(speech.isLine(part, false), false);
});

test("an answer makes a line when it has words", () => {
  const part = new Part("text");
  assert.equal(item("assistant").isLine(part, false), false);
  part.completeText("Hello");
  assert.equal(item("assistant").isLine(part, false), true);
});

test("a line's status is that of its item, of its response, or an interruption", () => {
  const part = new Part("voice");
  part.completeText("Hello there.");
  const answer = item("assistant");
  assert.equal(answer.line(0, part, undefined).status, "in_progress");
  assert.equal(answer.line(0, part, "failed").status, "failed");
  answer.isCompleted = true;
  assert.equal(answer.line(0, part, undefined).status, "completed");
  part.truncate(0);
  const { status, heardText, heardMs } = answer.line(0, part, undefined);
  assert.deepEqual([status, heardText, heardMs], ["interrupted", "", 0]);
});
