import assert from "node:assert/strict";
import { test } from "node:test";
import { Captions, upTo } from "../../../frontend/transcript/captions.js";

const line = (text) => ({ itemId: "a", contentIndex: 0, text });

test("a line without audio is shown whole", () => {
  assert.equal(new Captions().shown(line("Hello there.")), "Hello there.");
});

test("where no audio is received, the expected length counts", () => {
  const captions = new Captions();
  captions.expected("a", 0, 500);
  captions.expected("a", 0, 1000);
  captions.played("a", 0, 500);
  assert.equal(captions.shown(line("one two three")), "one two");
  assert.equal(captions.isPaced("a"), true);
});

test("nothing is shown before the first audio is played", () => {
  const captions = new Captions();
  captions.received("a", 0, 2000);
  assert.equal(captions.shown(line("Hello there.")), "");
});

test("half of the audio shows half of the text, to the end of the word", () => {
  const captions = new Captions();
  captions.received("a", 0, 2000);
  captions.played("a", 0, 1000);
  assert.equal(captions.shown(line("one two three four")), "one two three");
});

test("Japanese is shown character by character", () => {
  const captions = new Captions();
  captions.received("a", 0, 1000);
  captions.played("a", 0, 500);
  assert.equal(captions.shown(line("こんにちは元気")), "こんにち");
});

test("a line never gets shorter when more audio arrives than was played", () => {
  const captions = new Captions();
  captions.received("a", 0, 1000);
  captions.played("a", 0, 1000);
  const shown = captions.shown(line("one two"));
  captions.received("a", 0, 9000);
  assert.equal(captions.shown(line("one two three four five six")), shown);
});

test("when its audio is over the whole line is shown", () => {
  const captions = new Captions();
  captions.received("a", 0, 1000);
  captions.over("a", 0);
  assert.equal(captions.shown(line("Hello there.")), "Hello there.");
});

test("when no more audio will be played every line is shown whole", () => {
  const captions = new Captions();
  captions.received("a", 0, 1000);
  captions.received("b", 1, 1000);
  captions.allOver();
  assert.equal(captions.shown(line("Hello.")), "Hello.");
  assert.equal(captions.shown({ itemId: "b", contentIndex: 1, text: "Bye." }), "Bye.");
});

test("upTo never divides a character", () => {
  for (let length = 0; length <= 6; length += 1) {
    assert.ok(upTo("あ😀い𠮷う", length).isWellFormed(), String(length));
  }
});

test("upTo is empty for length 0 and the whole text from its own length on", () => {
  assert.equal(upTo("abc", 0), "");
  assert.equal(upTo("abc", 3), "abc");
  assert.equal(upTo("abc", 9), "abc");
});

test("an item is paced until the audio of all of its lines is over", () => {
  const captions = new Captions();
  const ids = ["a", "b"];
  const paced = () => ids.filter((id) => captions.isPaced(id));
  assert.deepEqual(paced(), []);
  captions.received("a", 0, 100);
  captions.received("a", 0, 100);
  captions.received("a", 1, 100);
  captions.over("a", 0);
  captions.over("a", 0);
  assert.deepEqual(paced(), ["a"]);
  captions.over("a", 1);
  assert.deepEqual(paced(), []);
  captions.received("b", 0, 100);
  captions.allOver();
  assert.deepEqual(paced(), []);
});
