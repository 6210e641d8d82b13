import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { int16FromFloat } from "../../../frontend/audio/pcm.js";
import { ramp, tone } from "./sounds.js";
import { processorAt } from "./worklets.js";

await import("../../../frontend/audio/capture-worklet.js");

/** A capture processor. At the default rate nothing is resampled: the output must equal the input. */
function capture({ rate = 24_000, muted = false, talking = true, firstSeq = 0 } = {}) {
  const processor = processorAt("kaiwa-capture", rate, { muted, talking, firstSeq });
  const of = (kind) => processor.sent.filter((message) => message.kind === kind);
  return {
    ...processor,
    of,
    pcm: () => of("chunk").flatMap(({ pcm }) => [...pcm]),
    /** Feed a sound in quanta of 128 frames, one array for each channel. */
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
  test("sends its input in numbered chunks of 960 samples", () => {
    const worklet = capture();
    worklet.hearAll(floats(ramp(SECOND)));
    assert.deepEqual(worklet.pcm(), [...ramp(SECOND)]);
    assert.deepEqual(
      worklet.of("chunk").map(({ seq }) => seq),
      [...Array(25).keys()],
    );
    assert.ok(worklet.of("chunk").every(({ pcm }) => pcm.length === 960));
  });

  test("numbers its chunks from the given sequence number", () => {
    const worklet = capture({ firstSeq: 41 });
    worklet.hearAll(floats(ramp(960)));
    assert.equal(worklet.of("chunk")[0].seq, 41);
  });

  test("reports the RMS level of each chunk as it is sent, after clipping", () => {
    const worklet = capture();
    worklet.hearAll(Float32Array.from({ length: 1024 }, (_, i) => (i % 2 ? -2 : 2)));
    assert.ok(Math.abs(worklet.of("chunk")[0].rms - 1) < 1e-4);
  });

  test("mixes channels to mono as their mean", () => {
    const worklet = capture();
    worklet.hearAll(new Float32Array(1024).fill(0.5), new Float32Array(1024).fill(-0.25));
    assert.ok(worklet.pcm().every((sample) => sample === int16FromFloat(0.125)));
  });

  for (const rate of [44_100, 48_000]) {
    test(`resamples a device of ${rate} Hz to 24 kHz`, () => {
      const worklet = capture({ rate });
      worklet.hearAll(tone(440, rate, rate, 0.5));
      const expected = tone(440, 24_000, 23 * 960, 0.5);
      const worst = worklet
        .pcm()
        .slice(100, 23 * 960)
        .reduce(
          (most, sample, i) => Math.max(most, Math.abs(sample / 32_768 - expected[i + 100])),
          0,
        );
      assert.ok(worst < 1e-4, `${worst}`);
    });
  }

  test("sends exact zeros while muted, as many samples as otherwise", () => {
    const worklet = capture();
    worklet.hearAll(floats(ramp(960 * 2)));
    worklet.tell({ verb: "mute", muted: true });
    worklet.hearAll(floats(ramp(960 * 2)));
    worklet.tell({ verb: "mute", muted: false });
    worklet.hearAll(floats(ramp(960)));
    assert.deepEqual(worklet.pcm(), [...ramp(1920), ...Array(1920).fill(0), ...ramp(960)]);
    assert.deepEqual(
      worklet
        .of("chunk")
        .slice(2, 4)
        .map(({ rms }) => rms),
      [0, 0],
    );
  });

  test("is muted from its first sample if the options say so", () => {
    const worklet = capture({ muted: true });
    worklet.hearAll(floats(ramp(SECOND)));
    assert.ok(worklet.pcm().length > 0 && worklet.pcm().every((sample) => sample === 0));
  });

  test("sends no chunks between push-to-talk presses, but heartbeats", () => {
    const worklet = capture({ talking: false });
    worklet.hearAll(floats(ramp(SECOND)));
    assert.deepEqual(worklet.of("chunk"), []);
    assert.equal(worklet.of("heartbeat").length, 9);
  });

  test("sends no heartbeats while it sends chunks", () => {
    const worklet = capture();
    worklet.hearAll(floats(ramp(SECOND)));
    assert.deepEqual(worklet.of("heartbeat"), []);
  });

  test("sends the partial chunk at a release, padded with zeros, and nothing after it", () => {
    const worklet = capture();
    worklet.hearAll(floats(ramp(1024)));
    worklet.tell({ verb: "talk", talking: false, tailMs: 0 });
    worklet.hearAll(floats(ramp(SECOND)));
    assert.deepEqual(worklet.pcm(), [...ramp(1024), ...Array(1920 - 1024).fill(0)]);
  });

  test("sends the silent tail that a release asks for", () => {
    const worklet = capture();
    worklet.hearAll(floats(ramp(1024)));
    worklet.tell({ verb: "talk", talking: false, tailMs: 600 });
    const silence = worklet.pcm().slice(1024);
    assert.ok(silence.every((sample) => sample === 0));
    assert.ok(silence.length >= 600 * 24 && silence.length < 640 * 24);
  });

  test("sends no tail without a press", () => {
    const worklet = capture({ talking: false });
    worklet.tell({ verb: "talk", talking: false, tailMs: 600 });
    assert.deepEqual(worklet.sent, []);
  });

  test("sends a press from its first sample, once it is long enough to hold a word", () => {
    const worklet = capture({ talking: false });
    worklet.hearAll(floats(ramp(1024)));
    worklet.tell({ verb: "talk", talking: true, tailMs: 0 });
    worklet.hearAll(floats(ramp(7 * 960, 1024)));
    assert.deepEqual(worklet.pcm(), []);
    worklet.hearAll(floats(ramp(2 * 960, 1024 + 7 * 960)));
    assert.deepEqual(worklet.pcm(), [...ramp(9 * 960, 1024)]);
  });

  test("sends nothing of a press too short for a word, and all of the next press", () => {
    const worklet = capture({ talking: false });
    worklet.tell({ verb: "talk", talking: true, tailMs: 0 });
    worklet.hearAll(floats(ramp(250 * 24)));
    worklet.tell({ verb: "talk", talking: false, tailMs: 600 });
    assert.deepEqual(worklet.of("chunk"), []);
    worklet.tell({ verb: "talk", talking: true, tailMs: 0 });
    worklet.hearAll(floats(ramp(8 * 960, 500)));
    assert.deepEqual(worklet.pcm(), [...ramp(8 * 960, 500)]);
  });

  test("reports once that the microphone is silent, and once that it has recovered", () => {
    const worklet = capture();
    worklet.hearAll(new Float32Array(3 * SECOND - 128));
    assert.deepEqual(worklet.of("silent"), []);
    worklet.hearAll(new Float32Array(2 * SECOND));
    assert.equal(worklet.of("silent").length, 1);
    worklet.hearAll(Float32Array.of(1e-6));
    worklet.hearAll(floats(ramp(960)));
    assert.equal(worklet.of("recovered").length, 1);
  });

  test("does not report a quiet room as silent", () => {
    const worklet = capture();
    for (let s = 0; s < 4; s += 1)
      worklet.hearAll(Float32Array.from({ length: SECOND }, (_, i) => (i % 97 ? 0 : 1e-7)));
    assert.deepEqual(worklet.of("silent"), []);
  });

  test("says once that the device gives sound, and not for a click", () => {
    const worklet = capture();
    worklet.hearAll(Float32Array.of(1));
    worklet.hearAll(new Float32Array(SECOND));
    assert.deepEqual(worklet.of("sounded"), []);
    worklet.hearAll(floats(ramp(SECOND)));
    assert.equal(worklet.of("sounded").length, 1);
  });

  test("does not report silence while muted", () => {
    const worklet = capture({ muted: true });
    worklet.hearAll(new Float32Array(4 * SECOND));
    assert.deepEqual(worklet.of("silent"), []);
  });

  test("reports silence between push-to-talk presses too", () => {
    const worklet = capture({ talking: false });
    worklet.hearAll(new Float32Array(4 * SECOND));
    assert.equal(worklet.of("silent").length, 1);
  });

  test("sends nothing while its source has no channel, and stays alive", () => {
    const worklet = capture();
    assert.equal(worklet.hear([]), true);
    assert.deepEqual(worklet.sent, []);
  });

  test("takes render quanta of any length", () => {
    const worklet = capture();
    for (const frames of [64, 256, 128, 1024]) worklet.hear([new Float32Array(frames).fill(0.5)]);
    assert.equal(worklet.of("chunk").length, 1);
  });

  test("ends at the stop command and sends nothing more", () => {
    const worklet = capture();
    worklet.tell({ verb: "stop" });
    assert.equal(worklet.hear([new Float32Array(960).fill(1)]), false);
    assert.deepEqual(worklet.sent, []);
  });
});
