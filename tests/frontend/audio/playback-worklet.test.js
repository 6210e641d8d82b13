import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { joined, ramp, seededRandom, tone } from "./sounds.js";
import { processorAt } from "./worklets.js";

await import("../../../frontend/audio/playback-worklet.js");

const MS = 24;
const FADE_MS = 5;

/** A playback processor, its audio output and the messages that it sent. */
function playback(rate = 24_000) {
  const processor = processorAt("kaiwa-playback", rate);
  const quanta = [];
  return {
    ...processor,
    rate,
    of: (kind) => processor.sent.filter((message) => message.kind === kind),
    give: (pcm, itemId = "a") => processor.tell({ verb: "play", itemId, contentIndex: 0, pcm }),
    finish: (itemId = "a") => processor.tell({ verb: "finish", itemId, contentIndex: 0 }),
    flush() {
      processor.tell({ verb: "flush" });
      return processor.sent.at(-1).cuts;
    },
    /** Render this much audio. */
    pass(ms) {
      for (let frames = 0; frames < (ms * rate) / 1000; frames += 128) {
        quanta.push(processor.play().output);
      }
    },
    output: () => joined(quanta),
    /** The output as Int16, without its zeros. */
    heard: () => [...joined(quanta)].filter((s) => s !== 0).map((s) => Math.round(s * 32_768)),
  };
}

/** The greatest step from one sample to the next. */
function greatestStep(samples) {
  return samples.reduce((most, s, i) => Math.max(most, i ? Math.abs(s - samples[i - 1]) : 0), 0);
}

const sine = (ms, amplitude = 0.5) =>
  Int16Array.from(tone(200, 24_000, ms * MS, amplitude), (s) => Math.round(s * 32_768));

describe("playback of a part", () => {
  test("plays every sample, also the last partial block", () => {
    const worklet = playback();
    worklet.give(ramp(1000));
    worklet.give(ramp(0));
    worklet.give(ramp(1001, 1000));
    worklet.finish();
    worklet.pass(200);
    assert.deepEqual(worklet.heard(), [...ramp(2001)]);
    assert.deepEqual(worklet.of("ended"), [
      {
        kind: "ended",
        itemId: "a",
        contentIndex: 0,
        playedSamples: 2001,
        receivedSamples: 2001,
        isFinished: true,
      },
    ]);
  });

  test("starts once 120 ms are buffered", () => {
    const worklet = playback();
    worklet.give(ramp(119 * MS));
    worklet.pass(50);
    assert.deepEqual(worklet.sent, []);
    worklet.give(ramp(1 * MS, 119 * MS));
    worklet.pass(10);
    assert.equal(worklet.of("start").length, 1);
    assert.deepEqual(worklet.heard(), [...ramp(worklet.heard().length)]);
  });

  test("starts at once when the part is finished", () => {
    const worklet = playback();
    worklet.give(ramp(30));
    worklet.finish();
    worklet.pass(10);
    assert.deepEqual(worklet.heard(), [...ramp(30)]);
  });

  for (const rate of [44_100, 48_000, 96_000]) {
    test(`plays the same sound at ${rate} Hz`, () => {
      const worklet = playback(rate);
      worklet.give(sine(1000));
      worklet.finish();
      worklet.pass(1100);
      const expected = tone(200, rate, rate, 0.5);
      const worst = worklet
        .output()
        .subarray(100, rate - 100)
        .reduce((most, s, i) => Math.max(most, Math.abs(s - expected[i + 100])), 0);
      assert.ok(worst < 1e-4, `${worst}`);
      assert.equal(worklet.of("ended")[0].playedSamples, 24_000);
    });
  }

  test("does not depend on the sizes of the deltas", () => {
    const random = seededRandom(11);
    for (const rate of [24_000, 44_100]) {
      const whole = playback(rate);
      const inPieces = playback(rate);
      whole.give(sine(900));
      for (let at = 0; at < 900 * MS; ) {
        const next = at + 1 + Math.floor(random() * 3000);
        inPieces.give(sine(900).subarray(at, next));
        at = next;
      }
      for (const worklet of [whole, inPieces]) {
        worklet.finish();
        worklet.pass(1000);
      }
      assert.deepEqual(inPieces.output(), whole.output());
    }
  });

  test("reports its position at most ten times a second", () => {
    const worklet = playback(48_000);
    worklet.give(ramp(2000 * MS));
    worklet.finish();
    worklet.pass(1000);
    const positions = worklet.of("position").map(({ playedSamples }) => playedSamples);
    assert.equal(positions.length, 9);
    positions.forEach((playedSamples, i) => {
      assert.ok(playedSamples - (positions[i - 1] ?? 0) >= 100 * MS);
    });
  });

  test("reports its end also when it is finished after its last sample was played", () => {
    const worklet = playback();
    worklet.give(ramp(200 * MS));
    worklet.pass(300);
    assert.deepEqual(worklet.of("ended"), []);
    worklet.finish();
    assert.equal(worklet.of("ended").length, 1);
  });

  test("of an empty part ends at once", () => {
    const worklet = playback();
    worklet.give(ramp(0));
    worklet.finish();
    assert.equal(worklet.of("ended").length, 1);
  });
});

describe("an underrun", () => {
  /** Play a tone that breaks off at its peak, until it underruns. */
  function dry(rate = 24_000) {
    const worklet = playback(rate);
    worklet.give(sine(301.25));
    worklet.pass(600);
    return worklet;
  }

  test("is reported, and the count of played samples continues after it", () => {
    const worklet = dry();
    assert.equal(worklet.of("underrun").length, 1);
    worklet.give(sine(500));
    worklet.finish();
    worklet.pass(600);
    assert.equal(worklet.of("ended")[0].playedSamples, 801.25 * MS);
  });

  for (const rate of [24_000, 44_100, 48_000]) {
    test(`fades out and in, so that nothing clicks at ${rate} Hz`, () => {
      const worklet = dry(rate);
      worklet.give(sine(500).subarray(30));
      worklet.finish();
      worklet.pass(600);
      const natural = (2 * Math.PI * 200 * 0.5) / rate;
      const fade = 0.5 / ((FADE_MS / 1000) * rate);
      assert.ok(greatestStep(worklet.output()) < natural + fade + 1e-4);
    });
  }

  test("keeps samples for the next run that arrive while the last ones are being played", () => {
    const worklet = playback(48_000);
    const samples = 64 * 60 + 5;
    worklet.give(sine(1000).subarray(0, samples));
    worklet.pass((60 * 128) / 48);
    worklet.give(sine(1000).subarray(samples));
    worklet.pass(1);
    assert.equal(worklet.of("underrun").length, 1);
    worklet.finish();
    worklet.pass(1100);
    assert.equal(worklet.of("ended")[0].playedSamples, 1000 * MS);
    assert.ok(greatestStep(worklet.output()) < 0.016);
  });

  test("makes the next prebuffer longer, to a limit of 400 ms", () => {
    const worklet = playback();
    for (const wait of [120, 200, 280, 360, 400, 400]) {
      worklet.give(ramp((wait - 1) * MS));
      worklet.pass(20);
      const before = worklet.heard().length;
      worklet.give(ramp(1 * MS));
      worklet.pass(20);
      assert.ok(worklet.heard().length > before, `${wait} ms`);
      worklet.pass(wait + 20);
    }
    assert.equal(worklet.of("underrun").length, 6);
  });

  test("is not reported if the part was finished", () => {
    const worklet = playback();
    worklet.give(sine(200));
    worklet.finish();
    worklet.pass(300);
    assert.deepEqual(worklet.of("underrun"), []);
  });

  test("does not happen if samples arrive just in time", () => {
    const worklet = playback();
    worklet.give(ramp(200 * MS));
    worklet.pass(197);
    worklet.give(ramp(200 * MS, 200 * MS));
    worklet.pass(150);
    assert.deepEqual(worklet.of("underrun"), []);
    const output = worklet.output().subarray(0, 340 * MS);
    assert.ok(output.every((s) => s !== 0));
  });
});

describe("a dropped part", () => {
  const drop = (itemId) => ({ verb: "drop", itemId, contentIndex: 0 });

  test("is not played, and the next one is", () => {
    const worklet = playback();
    worklet.give(ramp(200 * MS), "a");
    worklet.give(ramp(200 * MS, 7), "b");
    worklet.finish("b");
    worklet.tell(drop("a"));
    worklet.tell(drop("unknown"));
    worklet.pass(400);
    assert.deepEqual(worklet.heard(), [...ramp(200 * MS, 7)]);
    assert.deepEqual(
      worklet.sent
        .filter(({ kind }) => kind !== "position")
        .map(({ kind, itemId }) => [kind, itemId]),
      [
        ["start", "b"],
        ["ended", "b"],
      ],
    );
  });

  test("that is playing fades out", () => {
    const worklet = playback();
    worklet.give(sine(1000), "a");
    worklet.pass(200);
    worklet.tell(drop("a"));
    worklet.pass(300);
    const end = worklet.output().findLastIndex((sample) => sample !== 0);
    assert.ok(end < (200 + FADE_MS + 10) * MS, `${end}`);
    assert.ok(greatestStep(worklet.output()) < 0.05);
    assert.deepEqual(worklet.of("ended"), []);
  });
});

describe("a flush", () => {
  for (const rate of [24_000, 44_100, 48_000]) {
    for (const after of [30, 101, 250.5]) {
      test(`counts what is played to the end of the fade, at ${rate} Hz after ${after} ms`, () => {
        const worklet = playback(rate);
        worklet.give(new Int16Array(1000 * MS).fill(20_000));
        worklet.pass(after);
        const [cut] = worklet.flush();
        worklet.pass(100);
        const heardFrames = worklet.output().filter((s) => s !== 0).length;
        assert.ok(Math.abs(cut.playedSamples / MS - (heardFrames * 1000) / rate) < 0.1);
      });
    }

    test(`is silent after ${FADE_MS} ms and does not click, at ${rate} Hz`, () => {
      const worklet = playback(rate);
      worklet.give(sine(1000));
      worklet.pass(203);
      const before = worklet.output().length;
      worklet.flush();
      worklet.pass(200);
      const after = worklet.output().subarray(before);
      const fadeFrames = Math.round((FADE_MS * rate) / 1000);
      assert.ok(after.subarray(fadeFrames).every((s) => s === 0));
      const natural = (2 * Math.PI * 200 * 0.5) / rate;
      assert.ok(greatestStep(worklet.output()) < natural + 0.5 / fadeFrames + 1e-4);
    });
  }

  test("counts across an underrun", () => {
    const worklet = playback();
    worklet.give(ramp(300 * MS));
    worklet.pass(600);
    worklet.give(ramp(500 * MS, 300 * MS));
    worklet.pass(100);
    const [cut] = worklet.flush();
    worklet.pass(100);
    // The last sample of each fade is zero.
    assert.ok(Math.abs(cut.playedSamples - worklet.heard().length) <= 3);
  });

  test("during an underrun counts what had been played", () => {
    const worklet = playback(48_000);
    worklet.give(ramp(300 * MS));
    worklet.pass(600);
    assert.equal(worklet.flush()[0].playedSamples, 300 * MS);
  });

  test("reports the playing part first and then the queued ones", () => {
    const worklet = playback();
    worklet.give(ramp(300 * MS), "a");
    worklet.give(ramp(200 * MS), "b");
    worklet.give(ramp(100 * MS), "c");
    worklet.pass(150);
    const cuts = worklet.flush();
    assert.deepEqual(
      cuts.map(({ itemId, receivedSamples }) => [itemId, receivedSamples]),
      [
        ["a", 300 * MS],
        ["b", 200 * MS],
        ["c", 100 * MS],
      ],
    );
    assert.ok(
      cuts[0].playedSamples > 0 && cuts[1].playedSamples === 0 && cuts[2].playedSamples === 0,
    );
    worklet.pass(600);
    assert.deepEqual(worklet.of("ended"), []);
    assert.equal(worklet.of("start").length, 1);
  });

  test("of an empty queue reports no parts", () => {
    assert.deepEqual(playback().flush(), []);
  });

  test("does not report a part that has ended", () => {
    const worklet = playback();
    worklet.give(ramp(100));
    worklet.finish();
    worklet.pass(20);
    assert.deepEqual(worklet.flush(), []);
  });

  test("leaves the next part whole, from its first sample", () => {
    const worklet = playback();
    worklet.give(sine(1000), "a");
    worklet.pass(200);
    worklet.flush();
    worklet.give(ramp(300 * MS), "b");
    worklet.finish("b");
    const before = worklet.output().length;
    worklet.pass(400);
    const after = [...worklet.output().subarray(before + FADE_MS * MS)].filter((s) => s !== 0);
    assert.deepEqual(
      after.map((s) => Math.round(s * 32_768)),
      [...ramp(300 * MS)],
    );
    assert.deepEqual(
      worklet.of("ended").map(({ itemId }) => itemId),
      ["b"],
    );
  });

  test("during the fade of another reports only the parts queued since", () => {
    const worklet = playback();
    worklet.give(sine(1000), "a");
    worklet.pass(200);
    worklet.flush();
    worklet.give(ramp(300 * MS), "b");
    assert.deepEqual(
      worklet.flush().map(({ itemId }) => itemId),
      ["b"],
    );
    worklet.pass(100);
    assert.deepEqual(
      worklet.of("start").map(({ itemId }) => itemId),
      ["a"],
    );
  });

  test("within the last 5 ms of a finished part counts all of it as played", () => {
    const worklet = playback();
    worklet.give(ramp(200 * MS));
    worklet.finish();
    worklet.pass(197);
    const [cut] = worklet.flush();
    assert.deepEqual(
      [cut.playedSamples, cut.receivedSamples, cut.isFinished],
      [200 * MS, 200 * MS, true],
    );
  });
});

describe("several parts", () => {
  test("are played in their order without a gap", () => {
    const worklet = playback();
    worklet.give(ramp(1000), "a");
    worklet.give(ramp(1000, 1000), "b");
    worklet.give(ramp(1000, 2000), "c");
    worklet.finish("c");
    worklet.pass(200);
    assert.deepEqual(worklet.heard(), [...ramp(3000)]);
    assert.ok(
      worklet
        .output()
        .subarray(0, 3000)
        .every((s) => s !== 0),
    );
    assert.deepEqual(
      worklet.sent.map(({ kind, itemId }) => `${kind} ${itemId}`),
      ["start a", "ended a", "start b", "ended b", "start c", "ended c"],
    );
  });

  test("do not wait for a part that is never finished", () => {
    const worklet = playback();
    worklet.give(ramp(200 * MS), "a");
    worklet.pass(300);
    worklet.give(ramp(10), "b");
    worklet.finish("b");
    worklet.pass(10);
    assert.deepEqual(
      worklet.of("ended").map(({ itemId }) => itemId),
      ["a", "b"],
    );
  });

  test("of one item are told apart by their content index", () => {
    const worklet = playback();
    worklet.tell({ verb: "play", itemId: "a", contentIndex: 0, pcm: ramp(10) });
    worklet.tell({ verb: "play", itemId: "a", contentIndex: 1, pcm: ramp(20) });
    worklet.tell({ verb: "finish", itemId: "a", contentIndex: 1 });
    worklet.pass(20);
    assert.deepEqual(
      worklet.of("ended").map(({ contentIndex, playedSamples }) => [contentIndex, playedSamples]),
      [
        [0, 10],
        [1, 20],
      ],
    );
  });
});

test("finish for an unknown part is ignored", () => {
  const worklet = playback();
  worklet.finish("ghost");
  worklet.pass(10);
  assert.deepEqual(worklet.sent, []);
});

test("playback ends at the stop command", () => {
  const worklet = playback();
  assert.equal(worklet.play().goesOn, true);
  worklet.tell({ verb: "stop" });
  assert.equal(worklet.play().goesOn, false);
});
