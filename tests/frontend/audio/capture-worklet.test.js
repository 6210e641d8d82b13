import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { int16FromFloat } from "../../../frontend/audio/pcm.js";
import { ramp, tone } from "./sounds.js";
import { processorAt } from "./worklets.js";

await import("../../../frontend/audio/capture-worklet.js");

/** A capture processor at the wire's own rate, so that what goes in must come out, bit for bit. */
function capture({ rate = 24_000, muted = false, talking = true, firstSeq = 0 } = {}) {
  const processor = processorAt("kaiwa-capture", rate, { muted, talking, firstSeq });
  const of = (kind) => processor.sent.filter((message) => message.kind === kind);
  return {
    ...processor,
    of,
    pcm: () => of("chunk").flatMap(({ pcm }) => [...pcm]),
    /** Hears a sound in quanta of 128 frames, on as many channels as there are. */
    hearAll(...channels) {
      for (let at = 0; at < channels[0].length; at += 128) {
        processor.hear(channels.map((channel) => channel.subarray(at, at + 128)));
      }
    },
  };
}

const floats = (pcm) => Float32Array.from(pcm, (sample) => sample / 32_768);
const SECOND = 24_000;

describe("the capture worklet", () => {
  test("sends what it hears in chunks of 960, numbered", () => {
    const line = capture();
    line.hearAll(floats(ramp(SECOND)));
    assert.deepEqual(line.pcm(), [...ramp(SECOND)]);
    assert.deepEqual(
      line.of("chunk").map(({ seq }) => seq),
      [...Array(25).keys()],
    );
    assert.ok(line.of("chunk").every(({ pcm }) => pcm.length === 960));
  });

  test("goes on counting where the one before it stopped", () => {
    const line = capture({ firstSeq: 41 });
    line.hearAll(floats(ramp(960)));
    assert.equal(line.of("chunk")[0].seq, 41);
  });

  test("reports the level of exactly what it sends", () => {
    const line = capture();
    line.hearAll(Float32Array.from({ length: 1024 }, (_, i) => (i % 2 ? -2 : 2)));
    assert.equal(line.of("chunk")[0].peak, 1);
    assert.ok(Math.abs(line.of("chunk")[0].rms - 1) < 1e-4);
  });

  test("mixes channels to their mean", () => {
    const line = capture();
    line.hearAll(new Float32Array(1024).fill(0.5), new Float32Array(1024).fill(-0.25));
    assert.ok(line.pcm().every((sample) => sample === int16FromFloat(0.125)));
  });

  for (const rate of [44_100, 48_000]) {
    test(`makes 24 kHz of a device of ${rate} Hz`, () => {
      const line = capture({ rate });
      line.hearAll(tone(440, rate, rate, 0.5));
      const expected = tone(440, 24_000, 23 * 960, 0.5);
      const worst = line
        .pcm()
        .slice(100, 23 * 960)
        .reduce(
          (most, sample, i) => Math.max(most, Math.abs(sample / 32_768 - expected[i + 100])),
          0,
        );
      assert.ok(worst < 1e-4, `${worst}`);
    });
  }

  test("sends exact zeros while muted, with the clock going on", () => {
    const line = capture();
    line.hearAll(floats(ramp(960 * 2)));
    line.tell({ verb: "mute", muted: true });
    line.hearAll(floats(ramp(960 * 2)));
    line.tell({ verb: "mute", muted: false });
    line.hearAll(floats(ramp(960)));
    assert.deepEqual(line.pcm(), [...ramp(1920), ...Array(1920).fill(0), ...ramp(960)]);
    assert.deepEqual(
      line
        .of("chunk")
        .slice(2, 4)
        .map(({ rms, peak }) => [rms, peak]),
      [
        [0, 0],
        [0, 0],
      ],
    );
  });

  test("is muted from its first sample if it is made so", () => {
    const line = capture({ muted: true });
    line.hearAll(floats(ramp(SECOND)));
    assert.ok(line.pcm().length > 0 && line.pcm().every((sample) => sample === 0));
  });

  test("sends nothing between presses, and gives signs of life", () => {
    const line = capture({ talking: false });
    line.hearAll(floats(ramp(SECOND)));
    assert.deepEqual(line.of("chunk"), []);
    assert.equal(line.of("beat").length, 9);
  });

  test("gives no signs of life beside its chunks", () => {
    const line = capture();
    line.hearAll(floats(ramp(SECOND)));
    assert.deepEqual(line.of("beat"), []);
  });

  test("sends what was said at a release, filled up with zeros, and no more", () => {
    const line = capture();
    line.hearAll(floats(ramp(1024)));
    line.tell({ verb: "talk", talking: false, tailMs: 0 });
    line.hearAll(floats(ramp(SECOND)));
    assert.deepEqual(line.pcm(), [...ramp(1024), ...Array(1920 - 1024).fill(0)]);
  });

  test("sends the tail of silence that a release asks for", () => {
    const line = capture();
    line.hearAll(floats(ramp(1024)));
    line.tell({ verb: "talk", talking: false, tailMs: 600 });
    const silence = line.pcm().slice(1024);
    assert.ok(silence.every((sample) => sample === 0));
    assert.ok(silence.length >= 600 * 24 && silence.length < 640 * 24);
  });

  test("sends no tail without a press", () => {
    const line = capture({ talking: false });
    line.tell({ verb: "talk", talking: false, tailMs: 600 });
    assert.deepEqual(line.sent, []);
  });

  test("starts a press with its first sample, as soon as it is sure to be one", () => {
    const line = capture({ talking: false });
    line.hearAll(floats(ramp(1024)));
    line.tell({ verb: "talk", talking: true, tailMs: 0 });
    line.hearAll(floats(ramp(7 * 960, 1024)));
    assert.deepEqual(line.pcm(), []);
    line.hearAll(floats(ramp(2 * 960, 1024 + 7 * 960)));
    assert.deepEqual(line.pcm(), [...ramp(9 * 960, 1024)]);
  });

  test("sends nothing of a press that is too short for a word, and all of the next one", () => {
    const line = capture({ talking: false });
    line.tell({ verb: "talk", talking: true, tailMs: 0 });
    line.hearAll(floats(ramp(250 * 24)));
    line.tell({ verb: "talk", talking: false, tailMs: 600 });
    assert.deepEqual(line.of("chunk"), []);
    line.tell({ verb: "talk", talking: true, tailMs: 0 });
    line.hearAll(floats(ramp(8 * 960, 500)));
    assert.deepEqual(line.pcm(), [...ramp(8 * 960, 500)]);
  });

  test("says once that the microphone is silent, and that it is back", () => {
    const line = capture();
    line.hearAll(new Float32Array(3 * SECOND - 128));
    assert.deepEqual(line.of("silent"), []);
    line.hearAll(new Float32Array(2 * SECOND));
    assert.equal(line.of("silent").length, 1);
    line.hearAll(Float32Array.of(1e-6));
    line.hearAll(floats(ramp(960)));
    assert.equal(line.of("recovered").length, 1);
  });

  test("takes a quiet room for no silence", () => {
    const line = capture();
    for (let s = 0; s < 4; s += 1)
      line.hearAll(Float32Array.from({ length: SECOND }, (_, i) => (i % 97 ? 0 : 1e-7)));
    assert.deepEqual(line.of("silent"), []);
  });

  test("does not watch for silence while muted", () => {
    const line = capture({ muted: true });
    line.hearAll(new Float32Array(4 * SECOND));
    assert.deepEqual(line.of("silent"), []);
  });

  test("watches for silence between presses too", () => {
    const line = capture({ talking: false });
    line.hearAll(new Float32Array(4 * SECOND));
    assert.equal(line.of("silent").length, 1);
  });

  test("says nothing while its source has no channel, and waits for it", () => {
    const line = capture();
    assert.equal(line.hear([]), true);
    assert.deepEqual(line.sent, []);
  });

  test("hears quanta of any length", () => {
    const line = capture();
    for (const frames of [64, 256, 128, 1024]) line.hear([new Float32Array(frames).fill(0.5)]);
    assert.equal(line.of("chunk").length, 1);
  });

  test("ends when told to stop, and leaves nothing behind", () => {
    const line = capture();
    line.tell({ verb: "stop" });
    assert.equal(line.hear([new Float32Array(960).fill(1)]), false);
    assert.deepEqual(line.sent, []);
  });
});
