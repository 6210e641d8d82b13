import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openAudioContext, Voice } from "../../../frontend/call/voice.js";

/** The least of Web Audio that a microphone and a speaker need to be made and closed. */
class FakeAudioContext {
  state = "running";
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
  // Missing in node 20.
  globalThis.navigator ??= {};
});

test("the context is running, at the device's own rate", () => {
  const context = openAudioContext();
  assert.equal(context.wasResumed, true);
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

test("before anything was played nothing was heard", async () => {
  const voice = new Voice(new FakeAudioContext(), events());
  assert.deepEqual(await voice.flush(), []);
});
