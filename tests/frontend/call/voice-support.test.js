import assert from "node:assert/strict";
import { test } from "node:test";
import { missingForVoice } from "../../../frontend/call/voice-support.js";

const browser = (changes = {}) => ({
  isSecureContext: true,
  AudioContext: class {},
  AudioWorkletNode: class {},
  MediaStreamAudioSourceNode: class {},
  WebSocket: class {},
  navigator: { mediaDevices: { getUserMedia: () => {} } },
  ...changes,
});

test("a browser that has everything can talk", () => {
  assert.deepEqual(missingForVoice(browser()), []);
});

test("it names what is missing: deleted, null, or without its holder", () => {
  assert.deepEqual(missingForVoice(browser({ AudioWorkletNode: undefined })), ["AudioWorkletNode"]);
  assert.deepEqual(missingForVoice(browser({ AudioContext: null })), ["AudioContext"]);
  for (const navigator of [{}, { mediaDevices: null }, { mediaDevices: {} }]) {
    assert.deepEqual(missingForVoice(browser({ navigator })), [
      "navigator.mediaDevices.getUserMedia",
    ]);
  }
});

test("a page without https lacks some of it, which the microphone explains", () => {
  const navigator = {};
  assert.deepEqual(
    missingForVoice(browser({ isSecureContext: false, AudioWorkletNode: undefined, navigator })),
    [],
  );
});
