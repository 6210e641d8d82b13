import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { RemoteSound } from "../../../frontend/audio/remote-sound.js";

let nowMs;
let elements;
let happened;
let sound;

/** 150 characters: 10 s of English. */
const TEN_SECONDS = "abcdefghi ".repeat(15);

class FakeElement {
  muted = false;
  volume = 1;
  srcObject = null;
  isPaused = true;

  async play() {
    this.isPaused = false;
  }

  pause() {
    this.isPaused = true;
  }
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setInterval"] });
  nowMs = 1000;
  elements = [];
  happened = [];
  sound = new RemoteSound({
    onStart: (...of) => happened.push(["start", ...of]),
    onPosition: (...of) => happened.push(["position", ...of]),
    onEnded: (...of) => happened.push(["ended", ...of]),
    createElement: () => {
      elements.push(new FakeElement());
      return elements.at(-1);
    },
    now: () => nowMs,
  });
  sound.setStream("stream");
});

const element = () => elements.at(-1);

function pass(ms) {
  nowMs += ms;
  mock.timers.tick(ms);
}

test("a response is heard from its start, and reported until its end", () => {
  assert.equal(sound.addText("r1", "a1", 0, TEN_SECONDS), 10_000);
  assert.equal(element().muted, true);
  sound.started("r1");
  assert.equal(element().muted, false);
  assert.equal(element().isPaused, false);
  pass(100);
  sound.stopped("r1");
  pass(1000);
  assert.deepEqual(happened, [
    ["start", "a1", 0, false],
    ["position", "a1", 0, 100],
    ["ended", "a1", 0],
  ]);
  assert.equal(sound.isPlaying, false);
});

test("an interruption mutes at once, until the next response begins", async () => {
  sound.addText("r1", "a1", 0, TEN_SECONDS);
  sound.started("r1");
  pass(2040);
  const flushed = sound.flush();
  assert.equal(element().muted, true);
  assert.deepEqual(await flushed, [
    { itemId: "a1", contentIndex: 0, heardMs: 2000, wasAllHeard: false },
  ]);
  // What is still on its way of the same response.
  sound.started("r1");
  assert.equal(sound.addText("r1", "a1", 0, "more"), 0);
  assert.equal(element().muted, true);
  sound.addText("r2", "a2", 0, "Well.");
  sound.started("r2");
  assert.equal(element().muted, false);
});

test("of a response that was not begun, nothing was heard", async () => {
  sound.addText("r1", "a1", 0, "Hello.");
  assert.deepEqual(await sound.flush(), [
    { itemId: "a1", contentIndex: 0, heardMs: 0, wasAllHeard: false },
  ]);
});

test("the parts of a response are heard one after the other", () => {
  sound.addText("r1", "a1", 0, TEN_SECONDS);
  sound.addText("r1", "a2", 0, TEN_SECONDS);
  sound.started("r1");
  nowMs += 12_040;
  assert.deepEqual(
    sound.heardSoFar().map(({ itemId, heardMs }) => [itemId, heardMs]),
    [
      ["a1", 10_000],
      ["a2", 2000],
    ],
  );
});

test("a response whose end was lost ends when the next begins, or is reported no more", () => {
  sound.addText("r1", "a1", 0, "Hello.");
  sound.started("r1");
  sound.addText("r2", "a2", 0, "Hello.");
  sound.started("r2");
  assert.deepEqual(happened.slice(1), [
    ["ended", "a1", 0],
    ["start", "a2", 0, false],
  ]);
  pass(12_000);
  const reported = happened.length;
  pass(10_000);
  assert.equal(happened.length, reported);
});

test("an end without words is an end all the same", () => {
  sound.started("r1");
  sound.stopped("r1");
  assert.deepEqual(happened, [
    ["start", "", 0, false],
    ["ended", "", 0],
  ]);
  sound.stopped("unknown");
  assert.equal(happened.length, 2);
});

test("each stream has an element of its own, with the volume of the last", () => {
  sound.setVolume(0.5);
  const first = element();
  assert.equal(first.volume, 0.5);
  sound.setStream(null);
  assert.deepEqual([first.srcObject, first.isPaused], [null, true]);
  sound.setVolume(2);
  sound.setStream("next");
  assert.deepEqual([element().volume, element().srcObject, element().muted], [1, "next", true]);
});

test("the level is measured where there is a context, and none is shown while it is muted", () => {
  const connected = [];
  const analyser = { getFloatTimeDomainData: (samples) => samples.fill(0.5) };
  const source = { connect: (to) => connected.push(to), disconnect: () => connected.pop() };
  const context = {
    state: "running",
    createAnalyser: () => analyser,
    createMediaStreamSource: () => source,
  };
  assert.equal(sound.playedRms, 0);
  sound.setContext(context);
  assert.deepEqual(connected, [analyser]);
  assert.equal(sound.playedRms, 0);
  sound.started("r1");
  assert.equal(sound.playedRms, 0.5);
  sound.setContext(null);
  assert.deepEqual(connected, []);
  assert.equal(sound.playedRms, 0);
});
