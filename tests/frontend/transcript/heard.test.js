import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AudioMarks,
  charsIn,
  cutToWholeWord,
  hasWords,
  heardText,
} from "../../../frontend/transcript/heard.js";

test("a text is cut to its last whole word", () => {
  assert.equal(cutToWholeWord("one two three", 9), "one two");
  assert.equal(cutToWholeWord("one two three", 7), "one two");
  assert.equal(cutToWholeWord("one", 99), "one");
  assert.equal(cutToWholeWord("one", 0), "");
});

test("without spaces it is cut at any character, or at a pause close before", () => {
  assert.equal(cutToWholeWord("こんにちは元気", 4), "こんにち");
  assert.equal(cutToWholeWord("はい、元気です", 4), "はい、");
});

test("characters that are read as one are not separated", () => {
  assert.equal(cutToWholeWord("👍🏽👍🏽", 3), "👍🏽");
  assert.equal(cutToWholeWord("か\u3099き", 1), "");
});

test("a delta's words sound from where the audio was when it came", () => {
  const marks = new AudioMarks();
  marks.stream(4);
  marks.hear(1000);
  marks.stream(4);
  marks.hear(1000);
  assert.equal(marks.shareHeard(0), 0);
  assert.equal(marks.shareHeard(500), 0.25);
  assert.equal(marks.shareHeard(1000), 0.5);
  assert.equal(marks.shareHeard(2000), 1);
  assert.equal(heardText("one two ", marks, 1000), "one");
});

test("characters are code points, and blank text has no words", () => {
  assert.equal(charsIn("a😀"), 2);
  assert.deepEqual(["", " \t\u3000", "a"].map(hasWords), [false, false, true]);
});
