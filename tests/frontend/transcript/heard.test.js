import assert from "node:assert/strict";
import { test } from "node:test";
import {
  charsIn,
  cutToWholeWord,
  hasWords,
  heardText,
  spokenMs,
  TextTiming,
} from "../../../frontend/transcript/heard.js";

test("a text is cut to its last whole word", () => {
  assert.equal(cutToWholeWord("one two three", 9), "one two");
  assert.equal(cutToWholeWord("one two three", 7), "one two");
  assert.equal(cutToWholeWord("one", 99), "one");
  assert.equal(cutToWholeWord("one", 0), "");
});

test("without spaces it is cut at any character, or at a pause shortly before", () => {
  assert.equal(cutToWholeWord("こんにちは元気", 4), "こんにち");
  assert.equal(cutToWholeWord("はい、元気です", 4), "はい、");
});

test("what displays as one character is not divided", () => {
  assert.equal(cutToWholeWord("👍🏽👍🏽", 3), "👍🏽");
  assert.equal(cutToWholeWord("か\u3099き", 1), "");
  assert.equal(cutToWholeWord("aaa\u200d", 3), "");
});

test("the text of a delta sounds from the audio position at which it came", () => {
  const timing = new TextTiming();
  timing.addText(4);
  timing.addAudio(1000);
  timing.addText(4);
  timing.addAudio(1000);
  assert.equal(timing.textShare(0), 0);
  assert.equal(timing.textShare(500), 0.25);
  assert.equal(timing.textShare(1000), 0.5);
  assert.equal(timing.textShare(2000), 1);
  assert.equal(heardText("one two ", timing, 1000), "one");
});

test("without streamed text the share is that of the audio, without audio it is everything", () => {
  const timing = new TextTiming();
  assert.equal(timing.textShare(1), 1);
  timing.addAudio(200);
  assert.equal(timing.textShare(50), 0.25);
  assert.equal(timing.textShare(-1), 0);
});

test("characters are code points, and blank text has no words", () => {
  assert.equal(charsIn("a😀"), 2);
  assert.deepEqual(["", " \t\u3000", "a"].map(hasWords), [false, false, true]);
});

test("how long a text takes to say is estimated by its scripts", () => {
  assert.equal(spokenMs(""), 0);
  assert.equal(spokenMs("a".repeat(30)), 2000);
  assert.equal(spokenMs("会話".repeat(7)), 2000);
  assert.equal(Math.round(spokenMs("OK、会話")), Math.round(1000 * (2 / 15 + 3 / 7)));
});
