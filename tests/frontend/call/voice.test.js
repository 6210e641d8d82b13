import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openAudioContext, Voice } from "../../../frontend/call/voice.js";
import { settle } from "../equipment.js";

/** The least of Web Audio that a microphone and a speaker need to be made and closed. */
class FakeAudioContext extends EventTarget {
  state = "running";
  currentTime = 0;
  destination = {};

  createGain() {
    return { gain: {}, connect() {}, disconnect() {} };
  }

  async resume() {
    this.wasResumed = true;
  }

  async close() {
    this.state = "closed";
  }
}

const events = () => ({ onChunk() {}, onProblem() {}, onAllowed() {} });

beforeEach(() => {
  globalThis.AudioContext = FakeAudioContext;
  globalThis.document = new EventTarget();
  // Missing in node 20.
  globalThis.navigator ??= {};
});

test("the context is running, at the device's own rate", () => {
  const context = openAudioContext();
  assert.equal(context.wasResumed, true);
});

test("a context that is refused is no error of the page", async () => {
  globalThis.AudioContext = class extends FakeAudioContext {
    async resume() {
      throw new DOMException("", "NotAllowedError");
    }
  };
  const context = openAudioContext();
  const voice = new Voice(context, events());
  context.state = "suspended";
  voice.resume();
  await settle();
  await voice.stop();
});

test("while the context stands still, the speaker's text goes on, and the silence is reported", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let nowMs = 0;
  t.mock.method(performance, "now", () => nowMs);
  const pass = (ms) => {
    for (let passed = 0; passed < ms; passed += 50) {
      nowMs += 50;
      t.mock.timers.tick(50);
    }
  };
  const context = new FakeAudioContext();
  const happened = [];
  const voice = new Voice(context, {
    ...events(),
    onBlocked: (isBlocked) => happened.push(["blocked", isBlocked]),
    onStart: (itemId, _, isSilent) => happened.push(["start", itemId, isSilent]),
    onPosition: (itemId, _, ms) => happened.push([itemId, ms]),
  });
  voice.start({}).catch(() => {});
  voice.speaker.play("a", 0, new Int16Array(24_000));
  pass(1250);
  assert.deepEqual(happened, [["blocked", true]]);
  pass(200);
  assert.deepEqual(happened.slice(1), [
    ["start", "a", true],
    ["a", 100],
    ["a", 200],
  ]);
  document.visibilityState = "hidden";
  pass(5000);
  document.visibilityState = "visible";
  nowMs += 60_000;
  pass(100);
  assert.deepEqual(happened.at(-1), ["a", 1000]);
  context.currentTime = 1;
  pass(250);
  assert.deepEqual(happened.at(-1), ["blocked", false]);
  const count = happened.length;
  pass(1000);
  assert.equal(happened.filter(([what]) => what === "a").length, count - 3);
  void voice.stop();
});

test("a page that may not use a microphone gets an error, and nothing stays open", async () => {
  const context = new FakeAudioContext();
  const voice = new Voice(context, events());
  await assert.rejects(voice.start({}), { kind: "insecure" });
  assert.equal(context.state, "closed");
});

test("stopping twice closes the context once", async () => {
  const context = new FakeAudioContext();
  const voice = new Voice(context, events());
  await voice.stop();
  await voice.stop();
  assert.equal(context.state, "closed");
});

test("what cannot be released keeps the context and the microphone no longer open", async () => {
  const context = new FakeAudioContext();
  context.createGain = () => ({
    gain: {},
    disconnect() {
      throw new Error("planned");
    },
  });
  await new Voice(context, events()).stop();
  assert.equal(context.state, "closed");
});

test("settings that change while the microphone is asked for wait until it is open", async () => {
  const voice = new Voice(new FakeAudioContext(), events());
  await voice.change({ deviceId: "other" });
  assert.equal(voice.microphone.deviceId, undefined);
});

/** A voice whose microphone only notes whether it is open, and with which settings. */
async function listeningVoice() {
  const voice = new Voice(new FakeAudioContext(), { ...events(), onBlocked() {} });
  const opened = [];
  voice.microphone.start = async (settings) => opened.push(settings) > 0;
  voice.microphone.stop = async () => opened.push(null);
  voice.speaker.open = async () => {};
  await voice.start({ deviceId: "first" });
  return { voice, opened };
}

test("it says whether the microphone rests", async () => {
  const { voice } = await listeningVoice();
  assert.equal(voice.isResting, false);
  await voice.restMicrophone();
  assert.equal(voice.isResting, true);
  await voice.wakeMicrophone();
  assert.equal(voice.isResting, false);
  await voice.stop();
});

test("settings that change while the microphone rests are those with which it is opened", async () => {
  const { voice, opened } = await listeningVoice();
  await voice.restMicrophone();
  await voice.change({ deviceId: "other" });
  assert.deepEqual(opened.slice(-2), [{ deviceId: "first" }, null]);
  await voice.wakeMicrophone();
  assert.deepEqual(opened.at(-1), { deviceId: "other" });
  const count = opened.length;
  await voice.change({ deviceId: "third" });
  assert.deepEqual(opened.slice(count), [null, { deviceId: "third" }]);
  await voice.stop();
});

test("a microphone that begins to rest while its settings change stays released", async () => {
  const { voice, opened } = await listeningVoice();
  const changing = voice.change({ deviceId: "other" });
  await voice.restMicrophone();
  await changing;
  assert.equal(opened.at(-1), null);
  await voice.stop();
});

test("before anything was played nothing was heard", async () => {
  const voice = new Voice(new FakeAudioContext(), events());
  assert.deepEqual(await voice.flush(), []);
});

test("the screen stays on during a conversation: the lock is taken again when the page is visible", async () => {
  const locks = [];
  const request = async (kind) => {
    const lock = { kind, isReleased: false, release: async () => (lock.isReleased = true) };
    locks.push(lock);
    return lock;
  };
  Object.defineProperty(navigator, "wakeLock", { value: { request }, configurable: true });
  try {
    const { voice } = await listeningVoice();
    await settle();
    globalThis.document.visibilityState = "hidden";
    globalThis.document.dispatchEvent(new Event("visibilitychange"));
    globalThis.document.visibilityState = "visible";
    globalThis.document.dispatchEvent(new Event("visibilitychange"));
    await settle();
    assert.deepEqual(
      locks.map(({ kind }) => kind),
      ["screen", "screen"],
    );
    await voice.stop();
    assert.equal(locks.at(-1).isReleased, true);
  } finally {
    delete navigator.wakeLock;
  }
});
