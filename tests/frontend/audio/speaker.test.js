import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { cutFrom, Speaker } from "../../../frontend/audio/speaker.js";

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

describe("what was heard so far", () => {
  /** A speaker on a device that is 30 ms late, and what its audio thread says. */
  async function openSpeaker() {
    const node = Object.assign(new EventTarget(), { start() {}, postMessage() {} });
    globalThis.AudioWorkletNode = class {
      port = node;
      connect = (next) => next;
      disconnect() {}
    };
    const events = { onStart() {}, onPosition() {}, onEnded() {}, onUnderrun() {} };
    const context = {
      outputLatency: 0.03,
      audioWorklet: { addModule: async () => {} },
      createGain: () => ({ connect() {}, disconnect() {} }),
    };
    const speaker = new Speaker({ context, ...events });
    await speaker.open();
    const tell = (kind, played) => {
      const data = { kind, itemId: "a", contentIndex: 0, played, received: 0, isFinished: false };
      node.dispatchEvent(new MessageEvent("message", { data }));
    };
    speaker.play("a", 0, new Int16Array(48_000));
    speaker.play("b", 0, new Int16Array(24_000));
    return { speaker, tell };
  }
  const short = (cuts) => cuts.map(({ itemId, heardMs }) => [itemId, heardMs]);

  test("is the last report less the device's latency, and nothing of what waits", async () => {
    const { speaker, tell } = await openSpeaker();
    tell("position", 24_000);
    assert.deepEqual(short(speaker.heardSoFar()), [
      ["a", 970],
      ["b", 0],
    ]);
  });

  test("has nothing to tell of what was heard to its end", async () => {
    const { speaker, tell } = await openSpeaker();
    tell("ended", 48_000);
    assert.deepEqual(short(speaker.heardSoFar()), [["b", 0]]);
  });

  test("is the answer of a flush that is overtaken by the end", async () => {
    const { speaker, tell } = await openSpeaker();
    tell("position", 24_000);
    const flushed = speaker.flush();
    await speaker.close();
    assert.deepEqual(short(await flushed), [
      ["a", 970],
      ["b", 0],
    ]);
  });
});
