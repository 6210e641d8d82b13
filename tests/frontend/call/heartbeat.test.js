import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ANSWER_MS, Heartbeat, QUIET_MS } from "../../../frontend/call/heartbeat.js";

let happened;
let pulse;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  happened = [];
  pulse = new Heartbeat({
    ask: () => happened.push("asked"),
    giveUp: () => happened.push("given up"),
  });
});

const pass = (ms) => mock.timers.tick(ms);

test("a line that was quiet is asked, and given up within 20 s if it does not answer", () => {
  pulse.start();
  pass(QUIET_MS);
  assert.deepEqual(happened, ["asked"]);
  pass(ANSWER_MS);
  assert.deepEqual(happened, ["asked", "given up"]);
  assert.ok(QUIET_MS + ANSWER_MS < 20_000);
  pass(60_000);
  assert.equal(happened.length, 2);
});

test("one that answers is asked again when it has been quiet for as long", () => {
  pulse.start();
  for (let round = 0; round < 3; round += 1) {
    pass(QUIET_MS + ANSWER_MS - 1);
    pulse.felt();
  }
  assert.deepEqual(happened, ["asked", "asked", "asked"]);
});

test("one that speaks is not asked", () => {
  pulse.start();
  for (let second = 0; second < 60; second += 1) {
    pass(1000);
    pulse.felt();
  }
  assert.deepEqual(happened, []);
});

test("nothing is asked before the start and after the stop", () => {
  pulse.felt();
  pass(60_000);
  pulse.start();
  pulse.stop();
  pulse.felt();
  pass(60_000);
  assert.deepEqual(happened, []);
});
