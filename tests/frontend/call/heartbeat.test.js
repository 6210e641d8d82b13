import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { after, INITIAL_FACTS } from "../../../frontend/call/call-state.js";
import {
  Heartbeat,
  IDLE_MS,
  needsHeartbeat,
  PONG_TIMEOUT_MS,
} from "../../../frontend/call/heartbeat.js";

let happened;
let heartbeat;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  happened = [];
  heartbeat = new Heartbeat({
    sendPing: () => happened.push("ping"),
    onTimeout: () => happened.push("timeout"),
  });
});

const pass = (ms) => mock.timers.tick(ms);

test("an idle connection is pinged, and times out within 20 s if nothing comes", () => {
  heartbeat.start();
  pass(IDLE_MS);
  assert.deepEqual(happened, ["ping"]);
  pass(PONG_TIMEOUT_MS);
  assert.deepEqual(happened, ["ping", "timeout"]);
  assert.ok(IDLE_MS + PONG_TIMEOUT_MS < 20_000);
  pass(60_000);
  assert.equal(happened.length, 2);
});

test("one that answers is pinged again when it has been idle for as long", () => {
  heartbeat.start();
  for (let round = 0; round < 3; round += 1) {
    pass(IDLE_MS + PONG_TIMEOUT_MS - 1);
    heartbeat.received();
  }
  assert.deepEqual(happened, ["ping", "ping", "ping"]);
});

test("one that receives is not pinged", () => {
  heartbeat.start();
  for (let second = 0; second < 60; second += 1) {
    pass(1000);
    heartbeat.received();
  }
  assert.deepEqual(happened, []);
});

test("nothing happens before the start and after the stop", () => {
  heartbeat.received();
  pass(60_000);
  heartbeat.start();
  heartbeat.stop();
  heartbeat.received();
  pass(60_000);
  assert.deepEqual(happened, []);
});

test("is needed while somebody talks or waits for an answer", () => {
  const factsAfter = (...changes) =>
    changes.reduce((facts, change) => after(facts, change), INITIAL_FACTS);
  const typed = factsAfter("connecting", "ready", "answer_asked");
  const listening = factsAfter("microphone_asked", "voice_started", "connecting", "ready");
  assert.deepEqual([typed, after(typed, "answer_ended"), listening].map(needsHeartbeat), [
    true,
    false,
    true,
  ]);
});
