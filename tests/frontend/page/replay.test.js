import assert from "node:assert/strict";
import { test } from "node:test";

import { SAMPLES_PER_MS } from "../../../frontend/audio/pcm.js";
import { Replay } from "../../../frontend/page/replay.js";
import { settle } from "../equipment.js";

const LINE = { itemId: "a", contentIndex: 0, heardMs: null };
const OTHER = { itemId: "b", contentIndex: 0, heardMs: null };

class FakeSpeaker {
  latencyMs = 0;
  calls = [];

  constructor(options) {
    this.options = options;
  }

  play(itemId, contentIndex, pcm) {
    this.calls.push([itemId, contentIndex, pcm.length / SAMPLES_PER_MS]);
  }

  finish() {
    this.calls.push("finish");
  }

  setVolume(volume) {
    this.calls.push(volume);
  }

  async close() {
    this.calls.push("close");
  }
}

/** A replay that has 200 ms of LINE and 10 ms of OTHER, and what became of its parts. */
function replay({ open = async () => {} } = {}) {
  const made = { speakers: [], closed: 0, changes: 0, isAllowed: true };
  const close = () => {
    made.closed += 1;
  };
  made.replay = new Replay({
    createContext: () => ({ close }),
    createSpeaker: (options) => {
      made.speakers.push(Object.assign(new FakeSpeaker(options), { open }));
      return made.speakers.at(-1);
    },
    createOutput: ({ onChange }) => ({
      watch(signal) {
        made.block = () => signal.aborted || onChange(true);
      },
    }),
    volume: () => 0.5,
    isAllowed: () => made.isAllowed,
    changed: () => {
      made.changes += 1;
    },
  });
  made.replay.add("a", 0, new Int16Array(100 * SAMPLES_PER_MS));
  made.replay.add("a", 0, new Int16Array(100 * SAMPLES_PER_MS));
  made.replay.add("b", 0, new Int16Array(10 * SAMPLES_PER_MS));
  return made;
}

test("only an answer whose sound is kept can be played again, and only what was heard of it", async () => {
  const made = replay();
  assert.equal(made.replay.has(LINE), true);
  assert.equal(made.replay.has({ ...LINE, itemId: "c" }), false);
  assert.equal(made.replay.has({ ...LINE, heardMs: 0 }), false);
  made.isAllowed = false;
  assert.equal(made.replay.has(LINE), false);
  made.replay.toggle(LINE);
  assert.equal(made.speakers.length, 0);
  made.isAllowed = true;
  made.replay.toggle({ ...LINE, heardMs: 150 });
  await settle();
  assert.deepEqual(made.speakers[0].calls, [0.5, ["a", 0, 100], ["a", 0, 50], "finish"]);
});

test("it stops by itself at the end, and releases the device", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const made = replay();
  made.replay.toggle(LINE);
  await settle();
  assert.deepEqual([made.replay.isPlaying(LINE), made.replay.isPlaying(OTHER)], [true, false]);
  made.speakers[0].options.onEnded("a", 0);
  t.mock.timers.tick(1000);
  await settle();
  assert.deepEqual([made.replay.isPlaying(LINE), made.closed, made.changes], [false, 1, 2]);
});

test("a second press stops it, another answer takes its place", async () => {
  const made = replay();
  made.replay.toggle(LINE);
  made.replay.toggle(OTHER);
  await settle();
  assert.deepEqual([made.replay.isPlaying(OTHER), made.closed], [true, 1]);
  // It was stopped before it was open.
  assert.deepEqual(made.speakers[0].calls, ["close"]);
  made.replay.toggle(OTHER);
  await settle();
  assert.deepEqual([made.replay.isPlaying(OTHER), made.closed], [false, 2]);
});

test("an end that comes after the stop ends nothing else", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const made = replay();
  made.replay.toggle(LINE);
  await settle();
  made.speakers[0].options.onEnded("a", 0);
  made.replay.toggle(OTHER);
  t.mock.timers.tick(1000);
  assert.equal(made.replay.isPlaying(OTHER), true);
});

test("a speaker that cannot be opened is closed", async () => {
  const made = replay({ open: () => Promise.reject(new Error("no worklet")) });
  made.replay.toggle(LINE);
  await settle();
  assert.deepEqual([made.replay.isPlaying(LINE), made.closed], [false, 1]);
  assert.deepEqual(made.speakers[0].calls, ["close"]);
});

test("nothing is kept after it was cleared", async () => {
  const made = replay();
  made.replay.toggle(LINE);
  made.replay.clear();
  await settle();
  assert.deepEqual(
    [made.replay.has(LINE), made.replay.isPlaying(LINE), made.closed],
    [false, false, 1],
  );
});

test("it stops by itself when the browser plays no sound", async () => {
  const made = replay();
  made.replay.toggle(LINE);
  await settle();
  made.block();
  assert.equal(made.replay.isPlaying(LINE), false);
  await settle();
  assert.equal(made.closed, 1);
  const { block } = made;
  made.replay.toggle(OTHER);
  block();
  assert.equal(made.replay.isPlaying(OTHER), true);
});

test("it says what can be played, and is, while that is allowed", async () => {
  const made = replay();
  const [key, other] = ["a/0", "b/0"];
  const playable = () => [...made.replay.playable];
  assert.deepEqual(playable(), [
    [key, false],
    [other, false],
  ]);
  made.replay.toggle(LINE);
  assert.deepEqual(playable(), [
    [key, true],
    [other, false],
  ]);
  made.isAllowed = false;
  assert.deepEqual(playable(), []);
  await settle();
});
