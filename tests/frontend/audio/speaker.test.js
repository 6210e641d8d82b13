import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SAMPLES_PER_MS } from "../../../frontend/audio/pcm.js";
import { cutFrom, latencyMsOf, Speaker, stepsOf } from "../../../frontend/audio/speaker.js";

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

describe("the pace of a voice that cannot be played", () => {
  const part = (itemId, more) => ({
    ...progress,
    playedSamples: 0,
    shownSamples: 0,
    itemId,
    ...more,
  });
  const shown = (parts, samples) =>
    stepsOf(parts, samples).map((step) => [step.part.itemId, step.shownSamples, step.isEnded]);

  test("is that of its audio, and no more than has arrived", () => {
    assert.deepEqual(shown([part("a")], 2400), [["a", 2400, false]]);
    assert.deepEqual(shown([part("a", { shownSamples: 2400 })], 2400), [["a", 4800, false]]);
    assert.deepEqual(shown([part("a")], 100_000), [["a", 96_000, false]]);
  });

  test("continues where the sound stopped", () => {
    assert.deepEqual(shown([part("a", { playedSamples: 1000 })], 10), [["a", 1010, false]]);
  });

  test("goes on to the next part when one is whole", () => {
    const parts = [part("a"), part("b", { isFinished: true }), part("c")];
    assert.deepEqual(shown(parts, 192_024), [
      ["a", 96_000, true],
      ["b", 96_000, true],
      ["c", 24, false],
    ]);
    assert.deepEqual(shown([part("a", { isFinished: true })], 96_000), [["a", 96_000, true]]);
    assert.deepEqual(shown([], 100), []);
  });
});

/** A speaker on a fake worklet: `posted` are its commands, `happened` its events. */
function speakerOn(t) {
  const before = globalThis.AudioWorkletNode;
  const browser = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const navigator = { value: { userAgent: "Chrome/156.0" }, configurable: true };
  Object.defineProperty(globalThis, "navigator", navigator);
  const made = { posted: [], happened: [] };
  const port = new EventTarget();
  Object.assign(port, { start() {}, postMessage: (command) => made.posted.push(command) });
  globalThis.AudioWorkletNode = class {
    port = port;
    connect = (node) => node;
    disconnect() {}
  };
  t.after(() => {
    globalThis.AudioWorkletNode = before;
    // Node has one from version 21 on.
    if (browser) Object.defineProperty(globalThis, "navigator", browser);
    else Reflect.deleteProperty(globalThis, "navigator");
  });
  const gain = { connect() {}, disconnect() {} };
  const analyser = { getFloatTimeDomainData: (samples) => samples.fill(-0.5) };
  made.speaker = new Speaker({
    context: {
      createGain: () => gain,
      createAnalyser: () => analyser,
      audioWorklet: { addModule: async () => {} },
    },
    onStart: (itemId, _, isSilent) => made.happened.push(["start", itemId, isSilent]),
    onPosition: (itemId, _, ms) => made.happened.push(["position", itemId, ms]),
    onEnded: (itemId) => made.happened.push(["ended", itemId]),
  });
  made.report = (data) => port.dispatchEvent(Object.assign(new Event("message"), { data }));
  return made;
}

describe("a speaker", () => {
  const second = () => new Int16Array(1000 * SAMPLES_PER_MS);

  test("plays what came before its worklet was loaded", async (t) => {
    const { speaker, posted } = speakerOn(t);
    speaker.play("a", 0, second());
    speaker.finish("a", 0);
    assert.deepEqual(posted, []);
    await speaker.open();
    assert.deepEqual(
      posted.map(({ verb }) => verb),
      ["play", "finish"],
    );
  });

  test("tells the level of what is played, and none before it is open or after it is closed", async (t) => {
    const { speaker } = speakerOn(t);
    assert.equal(speaker.playedRms, 0);
    await speaker.open();
    assert.equal(speaker.playedRms, 0.5);
    await speaker.close();
    assert.equal(speaker.playedRms, 0);
  });

  test("reports an answer that passes in silence, does not play it later, and says it is not heard", async (t) => {
    const { speaker, posted, happened } = speakerOn(t);
    await speaker.open();
    speaker.play("a", 0, second());
    speaker.pace(400);
    speaker.play("a", 0, second());
    speaker.pace(400);
    assert.deepEqual(happened, [
      ["start", "a", true],
      ["position", "a", 400],
      ["position", "a", 800],
    ]);
    assert.deepEqual(speaker.heardSoFar(), [
      { itemId: "a", contentIndex: 0, heardMs: 0, wasAllHeard: false },
    ]);
    speaker.finish("a", 0);
    speaker.pace(1200);
    assert.deepEqual(happened.slice(3), [
      ["position", "a", 2000],
      ["ended", "a"],
    ]);
    assert.deepEqual(posted.at(-1), { verb: "drop", itemId: "a", contentIndex: 0 });
    assert.deepEqual(speaker.heardSoFar(), []);
  });

  test("is silent about a part that was cut off while its messages were on their way", async (t) => {
    const { speaker, report, happened } = speakerOn(t);
    await speaker.open();
    const at = { itemId: "a", contentIndex: 0 };
    speaker.play("a", 0, second());
    void speaker.flush();
    report({ kind: "start", ...at, playedSamples: 0 });
    report({ kind: "position", ...at, playedSamples: 100 * SAMPLES_PER_MS });
    assert.deepEqual(happened, []);
  });

  test("counts as heard only what was played before and after the silence", async (t) => {
    const { speaker, report, happened } = speakerOn(t);
    await speaker.open();
    const at = { itemId: "a", contentIndex: 0 };
    speaker.play("a", 0, second());
    report({ kind: "start", ...at, playedSamples: 0 });
    report({ kind: "position", ...at, playedSamples: 100 * SAMPLES_PER_MS });
    speaker.pace(500);
    assert.deepEqual(happened.at(-1), ["position", "a", 600]);
    assert.equal(speaker.heardSoFar()[0].heardMs, 100);
    report({ kind: "position", ...at, playedSamples: 200 * SAMPLES_PER_MS });
    assert.equal(speaker.heardSoFar()[0].heardMs, 200);
    assert.equal(happened.filter(([kind]) => kind === "start").length, 1);
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
