import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { VoiceSample } from "../../../frontend/page/voice-sample.js";
import { deferred, keyWords, recorder, settle } from "../equipment.js";

let api;
let view;
let contexts;
let isAllowed;
let sample;

/** A context whose sound ends when the test says so. */
function fakeContext() {
  const made = recorder("close");
  made.destination = {};
  made.decodeAudioData = async (file) => ({ of: file });
  made.createGain = () => {
    made.gain = { gain: { value: 1 }, connect: (next) => next };
    return made.gain;
  };
  made.createBufferSource = () => {
    made.source = Object.assign(new EventTarget(), { connect: (next) => next, isStarted: false });
    made.source.start = () => {
      made.source.isStarted = true;
    };
    return made.source;
  };
  contexts.push(made);
  return made;
}

beforeEach(() => {
  api = { voiceSample: deferred() };
  view = recorder("showSample", "showError");
  contexts = [];
  isAllowed = true;
  sample = new VoiceSample({
    api,
    words: keyWords(),
    view,
    createContext: fakeContext,
    volume: () => 0.5,
    isAllowed: () => isAllowed,
  });
});

const shown = () => view.calls.filter(([name]) => name === "showSample").map(([, is]) => is);

async function start(voice = "cedar") {
  const playing = sample.toggle(voice, "ja");
  api.voiceSample.calls.at(-1)?.resolve("file");
  await settle();
  return playing;
}

test("the sample is played at the volume of the conversation, and its context closed", async () => {
  const playing = sample.toggle("cedar", "ja");
  assert.deepEqual(api.voiceSample.calls[0].args, ["cedar", "ja"]);
  assert.equal(contexts.length, 1);
  api.voiceSample.calls[0].resolve("file");
  await settle();
  const [{ source, gain }] = contexts;
  assert.deepEqual([source.isStarted, source.buffer.of, gain.gain.value], [true, "file", 0.5]);
  source.dispatchEvent(new Event("ended"));
  await playing;
  assert.deepEqual([shown(), contexts[0].calls], [[true, false], [["close"]]]);
});

test("without a chosen voice it is that of the server", () => {
  void sample.toggle("", "en");
  assert.deepEqual(api.voiceSample.calls[0].args, ["default", "en"]);
});

test("a second tap stops it", async () => {
  void start();
  await settle();
  await sample.toggle("cedar", "ja");
  await settle();
  assert.deepEqual([shown(), api.voiceSample.calls.length], [[true, false], 1]);
  assert.deepEqual(contexts[0].calls, [["close"]]);
});

test("stopped while it is loaded, nothing is heard", async () => {
  const playing = sample.toggle("cedar", "ja");
  sample.stop();
  api.voiceSample.calls[0].resolve("file");
  await playing;
  assert.equal(contexts[0].source, undefined);
  assert.deepEqual([shown(), contexts[0].calls], [[true, false], [["close"]]]);
});

test("one that fails says why, unless it was stopped", async () => {
  const refusal = new ApiError("voice_sample_failed", 503, "No sample.");
  const playing = sample.toggle("cedar", "ja");
  api.voiceSample.calls[0].reject(refusal);
  await playing;
  assert.deepEqual(view.calls.at(-2), ["showError", 'settings.sample.failed {"why":"No sample."}']);
  assert.deepEqual(shown(), [true, false]);
  const stopped = sample.toggle("cedar", "ja");
  sample.stop();
  api.voiceSample.calls[1].reject(refusal);
  await stopped;
  assert.deepEqual(view.calls.at(-1), ["showSample", false]);
});

test("during a call there is none: its microphone would hear it", async () => {
  isAllowed = false;
  await sample.toggle("cedar", "ja");
  assert.deepEqual([api.voiceSample.calls, contexts, view.calls], [[], [], []]);
});
