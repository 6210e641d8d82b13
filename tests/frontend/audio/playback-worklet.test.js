import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { chance, joined, ramp, tone } from "./sounds.js";
import { processorAt } from "./worklets.js";

await import("../../../frontend/audio/playback-worklet.js");

const MS = 24;
const FADE_MS = 5;

/** A playback processor, all that came out of it, and what it said. */
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
    /** Lets so much time pass. */
    pass(ms) {
      for (let frames = 0; frames < (ms * rate) / 1000; frames += 128) {
        quanta.push(processor.play().output);
      }
    },
    output: () => joined(quanta),
    /** What came out as Int16, without the silence around and between. */
    heard: () => [...joined(quanta)].filter((s) => s !== 0).map((s) => Math.round(s * 32_768)),
  };
}

/** The greatest step from one sample to the next. */
function greatestStep(samples) {
  return samples.reduce((most, s, i) => Math.max(most, i ? Math.abs(s - samples[i - 1]) : 0), 0);
}

const sine = (ms, amplitude = 0.5) =>
  Int16Array.from(tone(200, 24_000, ms * MS, amplitude), (s) => Math.round(s * 32_768));

describe("playback of an answer", () => {
  test("brings out every sample, the last partial block too", () => {
    const line = playback();
    line.give(ramp(1000));
    line.give(ramp(0));
    line.give(ramp(1001, 1000));
    line.finish();
    line.pass(200);
    assert.deepEqual(line.heard(), [...ramp(2001)]);
    assert.deepEqual(line.of("ended"), [
      {
        kind: "ended",
        itemId: "a",
        contentIndex: 0,
        played: 2001,
        received: 2001,
        isFinished: true,
      },
    ]);
  });

  test("waits for 120 ms of it", () => {
    const line = playback();
    line.give(ramp(119 * MS));
    line.pass(50);
    assert.deepEqual(line.sent, []);
    line.give(ramp(1 * MS, 119 * MS));
    line.pass(10);
    assert.equal(line.of("start").length, 1);
    assert.deepEqual(line.heard(), [...ramp(line.heard().length)]);
  });

  test("waits for nothing once it is whole", () => {
    const line = playback();
    line.give(ramp(30));
    line.finish();
    line.pass(10);
    assert.deepEqual(line.heard(), [...ramp(30)]);
  });

  for (const rate of [44_100, 48_000, 96_000]) {
    test(`comes out at ${rate} Hz as it went in`, () => {
      const line = playback(rate);
      line.give(sine(1000));
      line.finish();
      line.pass(1100);
      const expected = tone(200, rate, rate, 0.5);
      const worst = line
        .output()
        .subarray(100, rate - 100)
        .reduce((most, s, i) => Math.max(most, Math.abs(s - expected[i + 100])), 0);
      assert.ok(worst < 1e-4, `${worst}`);
      assert.equal(line.of("ended")[0].played, 24_000);
    });
  }

  test("does not depend on how it was cut", () => {
    const random = chance(11);
    for (const rate of [24_000, 44_100]) {
      const whole = playback(rate);
      const inPieces = playback(rate);
      whole.give(sine(900));
      for (let at = 0; at < 900 * MS; ) {
        const next = at + 1 + Math.floor(random() * 3000);
        inPieces.give(sine(900).subarray(at, next));
        at = next;
      }
      for (const line of [whole, inPieces]) {
        line.finish();
        line.pass(1000);
      }
      assert.deepEqual(inPieces.output(), whole.output());
    }
  });

  test("tells its position at most ten times a second", () => {
    const line = playback(48_000);
    line.give(ramp(2000 * MS));
    line.finish();
    line.pass(1000);
    const positions = line.of("position").map(({ played }) => played);
    assert.equal(positions.length, 9);
    positions.forEach((played, i) => {
      assert.ok(played - (positions[i - 1] ?? 0) >= 100 * MS);
    });
  });

  test("tells its end even if that is announced after its last sound", () => {
    const line = playback();
    line.give(ramp(200 * MS));
    line.pass(300);
    assert.deepEqual(line.of("ended"), []);
    line.finish();
    assert.equal(line.of("ended").length, 1);
  });

  test("that is empty ends at once", () => {
    const line = playback();
    line.give(ramp(0));
    line.finish();
    assert.equal(line.of("ended").length, 1);
  });
});

describe("an underrun", () => {
  /** Plays a tone dry that breaks off at its loudest. */
  function dry(rate = 24_000) {
    const line = playback(rate);
    line.give(sine(301.25));
    line.pass(600);
    return line;
  }

  test("is told, and the count goes on behind it", () => {
    const line = dry();
    assert.equal(line.of("underrun").length, 1);
    line.give(sine(500));
    line.finish();
    line.pass(600);
    assert.equal(line.of("ended")[0].played, 801.25 * MS);
  });

  for (const rate of [24_000, 44_100, 48_000]) {
    test(`fades out and in, so that nothing clicks at ${rate} Hz`, () => {
      const line = dry(rate);
      line.give(sine(500).subarray(30));
      line.finish();
      line.pass(600);
      const natural = (2 * Math.PI * 200 * 0.5) / rate;
      const fade = 0.5 / ((FADE_MS / 1000) * rate);
      assert.ok(greatestStep(line.output()) < natural + fade + 1e-4);
    });
  }

  test("keeps what comes while the last samples are on their way for the next run", () => {
    const line = playback(48_000);
    const samples = 64 * 60 + 5;
    line.give(sine(1000).subarray(0, samples));
    line.pass((60 * 128) / 48);
    line.give(sine(1000).subarray(samples));
    line.pass(1);
    assert.equal(line.of("underrun").length, 1);
    line.finish();
    line.pass(1100);
    assert.equal(line.of("ended")[0].played, 1000 * MS);
    assert.ok(greatestStep(line.output()) < 0.016);
  });

  test("makes the next wait longer, to a limit of 400 ms", () => {
    const line = playback();
    for (const wait of [120, 200, 280, 360, 400, 400]) {
      line.give(ramp((wait - 1) * MS));
      line.pass(20);
      const before = line.heard().length;
      line.give(ramp(1 * MS));
      line.pass(20);
      assert.ok(line.heard().length > before, `${wait} ms`);
      line.pass(wait + 20);
    }
    assert.equal(line.of("underrun").length, 6);
  });

  test("is none if the item was whole", () => {
    const line = playback();
    line.give(sine(200));
    line.finish();
    line.pass(300);
    assert.deepEqual(line.of("underrun"), []);
  });

  test("that is filled in its last moment leaves no gap", () => {
    const line = playback();
    line.give(ramp(200 * MS));
    line.pass(197);
    line.give(ramp(200 * MS, 200 * MS));
    line.pass(150);
    assert.deepEqual(line.of("underrun"), []);
    const output = line.output().subarray(0, 340 * MS);
    assert.ok(output.every((s) => s !== 0));
  });
});

describe("a flush", () => {
  for (const rate of [24_000, 44_100, 48_000]) {
    for (const after of [30, 101, 250.5]) {
      test(`counts what comes out to its end, at ${rate} Hz after ${after} ms`, () => {
        const line = playback(rate);
        line.give(new Int16Array(1000 * MS).fill(20_000));
        line.pass(after);
        const [cut] = line.flush();
        line.pass(100);
        const heardFrames = line.output().filter((s) => s !== 0).length;
        assert.ok(Math.abs(cut.played / MS - (heardFrames * 1000) / rate) < 0.1);
      });
    }

    test(`is silent after ${FADE_MS} ms and does not click, at ${rate} Hz`, () => {
      const line = playback(rate);
      line.give(sine(1000));
      line.pass(203);
      const before = line.output().length;
      line.flush();
      line.pass(200);
      const after = line.output().subarray(before);
      const fadeFrames = Math.round((FADE_MS * rate) / 1000);
      assert.ok(after.subarray(fadeFrames).every((s) => s === 0));
      const natural = (2 * Math.PI * 200 * 0.5) / rate;
      assert.ok(greatestStep(line.output()) < natural + 0.5 / fadeFrames + 1e-4);
    });
  }

  test("counts across an underrun", () => {
    const line = playback();
    line.give(ramp(300 * MS));
    line.pass(600);
    line.give(ramp(500 * MS, 300 * MS));
    line.pass(100);
    const [cut] = line.flush();
    line.pass(100);
    // The last sample of each fade is silence itself.
    assert.ok(Math.abs(cut.played - line.heard().length) <= 3);
  });

  test("during an underrun counts what had come out", () => {
    const line = playback(48_000);
    line.give(ramp(300 * MS));
    line.pass(600);
    assert.equal(line.flush()[0].played, 300 * MS);
  });

  test("answers the playing item first and then those that wait", () => {
    const line = playback();
    line.give(ramp(300 * MS), "a");
    line.give(ramp(200 * MS), "b");
    line.give(ramp(100 * MS), "c");
    line.pass(150);
    const cuts = line.flush();
    assert.deepEqual(
      cuts.map(({ itemId, received }) => [itemId, received]),
      [
        ["a", 300 * MS],
        ["b", 200 * MS],
        ["c", 100 * MS],
      ],
    );
    assert.ok(cuts[0].played > 0 && cuts[1].played === 0 && cuts[2].played === 0);
    line.pass(600);
    assert.deepEqual(line.of("ended"), []);
    assert.equal(line.of("start").length, 1);
  });

  test("of nothing answers nothing", () => {
    assert.deepEqual(playback().flush(), []);
  });

  test("of what is over answers nothing", () => {
    const line = playback();
    line.give(ramp(100));
    line.finish();
    line.pass(20);
    assert.deepEqual(line.flush(), []);
  });

  test("lets the next item speak, whole and with its first sample", () => {
    const line = playback();
    line.give(sine(1000), "a");
    line.pass(200);
    line.flush();
    line.give(ramp(300 * MS), "b");
    line.finish("b");
    const before = line.output().length;
    line.pass(400);
    const after = [...line.output().subarray(before + FADE_MS * MS)].filter((s) => s !== 0);
    assert.deepEqual(
      after.map((s) => Math.round(s * 32_768)),
      [...ramp(300 * MS)],
    );
    assert.deepEqual(
      line.of("ended").map(({ itemId }) => itemId),
      ["b"],
    );
  });

  test("a second time during the fade cuts only what came since", () => {
    const line = playback();
    line.give(sine(1000), "a");
    line.pass(200);
    line.flush();
    line.give(ramp(300 * MS), "b");
    assert.deepEqual(
      line.flush().map(({ itemId }) => itemId),
      ["b"],
    );
    line.pass(100);
    assert.deepEqual(
      line.of("start").map(({ itemId }) => itemId),
      ["a"],
    );
  });

  test("within the last moments says that all was heard", () => {
    const line = playback();
    line.give(ramp(200 * MS));
    line.finish();
    line.pass(197);
    const [cut] = line.flush();
    assert.deepEqual([cut.played, cut.received, cut.isFinished], [200 * MS, 200 * MS, true]);
  });
});

describe("several items", () => {
  test("are spoken in their order without a gap", () => {
    const line = playback();
    line.give(ramp(1000), "a");
    line.give(ramp(1000, 1000), "b");
    line.give(ramp(1000, 2000), "c");
    line.finish("c");
    line.pass(200);
    assert.deepEqual(line.heard(), [...ramp(3000)]);
    assert.ok(
      line
        .output()
        .subarray(0, 3000)
        .every((s) => s !== 0),
    );
    assert.deepEqual(
      line.sent.map(({ kind, itemId }) => `${kind} ${itemId}`),
      ["start a", "ended a", "start b", "ended b", "start c", "ended c"],
    );
  });

  test("do not wait for ever for one whose end was never announced", () => {
    const line = playback();
    line.give(ramp(200 * MS), "a");
    line.pass(300);
    line.give(ramp(10), "b");
    line.finish("b");
    line.pass(10);
    assert.deepEqual(
      line.of("ended").map(({ itemId }) => itemId),
      ["a", "b"],
    );
  });

  test("of one response are told apart by their content index", () => {
    const line = playback();
    line.tell({ verb: "play", itemId: "a", contentIndex: 0, pcm: ramp(10) });
    line.tell({ verb: "play", itemId: "a", contentIndex: 1, pcm: ramp(20) });
    line.tell({ verb: "finish", itemId: "a", contentIndex: 1 });
    line.pass(20);
    assert.deepEqual(
      line.of("ended").map(({ contentIndex, played }) => [contentIndex, played]),
      [
        [0, 10],
        [1, 20],
      ],
    );
  });
});

test("an end for what was never begun is ignored", () => {
  const line = playback();
  line.finish("ghost");
  line.pass(10);
  assert.deepEqual(line.sent, []);
});

test("playback ends when told to stop", () => {
  const line = playback();
  assert.equal(line.play().goesOn, true);
  line.tell({ verb: "stop" });
  assert.equal(line.play().goesOn, false);
});
