import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { cutFrom, latencyMsOf } from "../../../frontend/audio/speaker.js";

const progress = {
  itemId: "a",
  contentIndex: 0,
  playedSamples: 48_000,
  receivedSamples: 96_000,
  isFinished: false,
};

describe("the heard part of a cut", () => {
  test("is the played part minus the device's latency, in whole milliseconds", () => {
    assert.equal(cutFrom(progress, 30.4).heardMs, 1969);
  });

  test("is nothing while the first sample has not reached the loudspeaker", () => {
    assert.equal(cutFrom({ ...progress, playedSamples: 240 }, 30).heardMs, 0);
  });

  test("is never more than was received", () => {
    assert.equal(cutFrom({ ...progress, receivedSamples: 47_999 }, 0).heardMs, 1999);
  });

  test("is everything only for a part that is finished and played to its end", () => {
    const all = { ...progress, receivedSamples: 48_000 };
    assert.equal(cutFrom(all, 30).wasAllHeard, false);
    assert.equal(cutFrom({ ...all, isFinished: true }, 30).wasAllHeard, true);
    assert.equal(cutFrom({ ...progress, isFinished: true }, 30).wasAllHeard, false);
  });
});

describe("the latency to the loudspeaker", () => {
  const context = { outputLatency: 0.03, baseLatency: 0.01 };

  test("is the context's, in milliseconds", () => {
    const agents = ["Chrome/156.0", "Windows NT 10.0; rv:153.0) Gecko/20100101 Firefox/153.0"];
    for (const agent of agents) assert.equal(latencyMsOf(context, agent), 30);
    assert.equal(latencyMsOf({ ...context, outputLatency: 0 }, "Safari/605.1.15"), 10);
  });

  test("is not read in Firefox on Linux, which could hang", () => {
    const dangerous = {
      get outputLatency() {
        return assert.fail("it was read");
      },
      baseLatency: 0,
    };
    const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
    assert.equal(latencyMsOf(dangerous, agent), 40);
  });
});
