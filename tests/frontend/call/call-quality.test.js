import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { CallQuality } from "../../../frontend/call/call-quality.js";

let quality;

beforeEach(() => {
  quality = new CallQuality();
});

const after = (...roundTrips) => {
  for (const ms of roundTrips) quality.roundTrip(ms);
  return quality.current;
};

test("nothing is known before the first round trip", () => {
  quality.answered(900);
  assert.equal(quality.current, null);
  assert.deepEqual(after(20), { level: "good", roundTripMs: 20, answerMs: 900, answers: 1 });
});

test("the median of the latest five round trips counts: one late packet alone is nothing", () => {
  assert.equal(after(20, 30, 3000).roundTripMs, 30);
  assert.equal(after(500, 500, 500).level, "poor");
  assert.equal(after(20, 20, 20).level, "good");
});

test("up to 150 ms it is good, up to 400 ms fair", () => {
  const levels = [150, 151, 400, 401].map((ms) => after(ms, ms, ms, ms, ms).level);
  assert.deepEqual(levels, ["good", "fair", "fair", "poor"]);
});

test("a network that takes too little sound is poor, however soon it answers", () => {
  after(20);
  quality.slow(true);
  assert.equal(quality.current.level, "poor");
  quality.slow(false);
  assert.equal(quality.current.level, "good");
});

test("the time to an answer is the median of the call's", () => {
  after(20);
  for (const ms of [900, 700, 5000]) quality.answered(ms);
  assert.deepEqual([quality.current.answerMs, quality.current.answers], [900, 3]);
  quality.answered(800);
  assert.equal(quality.current.answerMs, 850);
});

test("after a lost connection the round trips begin anew, and the answers stay", () => {
  after(500);
  quality.answered(900);
  quality.slow(true);
  quality.lost();
  assert.equal(quality.current, null);
  assert.deepEqual(after(20), { level: "good", roundTripMs: 20, answerMs: 900, answers: 1 });
});
