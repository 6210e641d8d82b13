import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { cutFrom } from "../../../frontend/audio/speaker.js";

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
