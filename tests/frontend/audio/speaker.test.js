import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { cutFrom } from "../../../frontend/audio/speaker.js";

const progress = {
  itemId: "a",
  contentIndex: 0,
  played: 48_000,
  received: 96_000,
  isFinished: false,
};

describe("what was heard", () => {
  test("is what was played less the device's latency, in whole milliseconds", () => {
    assert.equal(cutFrom(progress, 30.4).heardMs, 1969);
  });

  test("is nothing while the first sound is still on its way", () => {
    assert.equal(cutFrom({ ...progress, played: 240 }, 30).heardMs, 0);
  });

  test("is never more than what was received", () => {
    assert.equal(cutFrom({ ...progress, received: 47_999 }, 0).heardMs, 1999);
  });

  test("is all only of an item that is finished and played out", () => {
    const all = { ...progress, received: 48_000 };
    assert.equal(cutFrom(all, 30).wasAllHeard, false);
    assert.equal(cutFrom({ ...all, isFinished: true }, 30).wasAllHeard, true);
    assert.equal(cutFrom({ ...progress, isFinished: true }, 30).wasAllHeard, false);
  });
});
