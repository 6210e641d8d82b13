import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ResponseLatency } from "../../../frontend/call/response-latency.js";

let latency;

/** 1 s of quiet, speech until `endMs`, then quiet for the half second that the server waits. */
function speak(endMs) {
  for (let atMs = endMs - 1400; atMs < endMs - 400; atMs += 40) latency.addLevel(0.001, atMs);
  for (let atMs = endMs - 400; atMs <= endMs; atMs += 40) latency.addLevel(0.2, atMs);
  for (let atMs = endMs + 40; atMs <= endMs + 500; atMs += 40) latency.addLevel(0.001, atMs);
}

beforeEach(() => {
  latency = new ResponseLatency();
});

test("the latency is that from the end of speech to the first sound", () => {
  speak(2000);
  latency.speechStopped();
  assert.equal(latency.soundStarted(2700), 700);
});

test("only the first sound of an answer counts", () => {
  speak(2000);
  latency.speechStopped();
  latency.soundStarted(2700);
  assert.equal(latency.soundStarted(3000), null);
});

test("there is no latency when the user typed, or spoke again", () => {
  speak(2000);
  latency.speechStopped();
  latency.cancel();
  assert.equal(latency.soundStarted(2700), null);
});

test("there is none when the microphone was turned off before the server noticed the end", () => {
  speak(2000);
  latency.reset();
  latency.speechStopped();
  assert.equal(latency.soundStarted(2700), null);
});
