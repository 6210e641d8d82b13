import assert from "node:assert/strict";
import { test } from "node:test";

import { SAMPLES_PER_MS } from "../../../frontend/audio/pcm.js";
import { MOST_KEPT_MS, PlayedAudio } from "../../../frontend/audio/played-audio.js";

const sound = (ms) => new Int16Array(ms * SAMPLES_PER_MS);
const msOf = (blocks) => blocks.reduce((sum, { length }) => sum + length, 0) / SAMPLES_PER_MS;

test("the blocks of a part come back in their order", () => {
  const audio = new PlayedAudio();
  const [first, second] = [sound(100), sound(50)];
  audio.add("a/0", first);
  audio.add("b/0", sound(10));
  audio.add("a/0", second);
  assert.deepEqual([audio.has("a/0"), audio.has("c/0")], [true, false]);
  assert.deepEqual(audio.blocks("a/0", null), [first, second]);
  assert.deepEqual(audio.blocks("c/0", null), []);
});

test("of an interrupted part only what was heard comes back", () => {
  const audio = new PlayedAudio();
  audio.add("a/0", sound(100));
  audio.add("a/0", sound(100));
  for (const [heardMs, expectedMs] of [
    [0, 0],
    [40, 40],
    [100, 100],
    [101, 101],
    [900, 200],
  ]) {
    assert.equal(msOf(audio.blocks("a/0", heardMs)), expectedMs);
  }
});

test("the oldest parts are dropped, each of them whole", () => {
  const audio = new PlayedAudio();
  const half = MOST_KEPT_MS / 2;
  audio.add("a/0", sound(half));
  audio.add("b/0", sound(half));
  assert.ok(audio.has("a/0"));
  audio.add("c/0", sound(1));
  assert.deepEqual(
    ["a/0", "b/0", "c/0"].map((key) => audio.has(key)),
    [false, true, true],
  );
});

test("a part that is longer than what is kept has no sound, rather than one without its beginning", () => {
  const audio = new PlayedAudio();
  audio.add("a/0", sound(MOST_KEPT_MS));
  audio.add("a/0", sound(1));
  audio.add("a/0", sound(1));
  assert.equal(audio.has("a/0"), false);
  audio.add("b/0", sound(MOST_KEPT_MS));
  assert.ok(audio.has("b/0"));
});

test("nothing is left after it was cleared", () => {
  const audio = new PlayedAudio();
  audio.add("a/0", sound(10));
  audio.clear();
  assert.equal(audio.has("a/0"), false);
  audio.add("b/0", sound(MOST_KEPT_MS));
  assert.ok(audio.has("b/0"));
});
