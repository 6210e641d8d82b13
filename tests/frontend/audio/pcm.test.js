import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  base64FromPcm,
  bytesFromBase64,
  CHUNK_SAMPLES,
  Chunker,
  downMix,
  floatFromInt16,
  int16FromFloat,
  pcmFromBytes,
  Resampler,
  rmsOf as rmsOfPcm,
} from "../../../frontend/audio/pcm.js";
import { decibels, joined, ramp, rmsOf, seededRandom, tone, withoutTone } from "./sounds.js";

const RATES = [8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000];

/** A sound at another rate, without `edge` samples at both ends, where the filter sees the cut. */
function resampled(samples, from, to, edge = 200) {
  const resampler = new Resampler(from, to);
  resampler.push(samples);
  const output = new Float32Array(Math.ceil((samples.length * to) / from));
  const count = resampler.pull(output);
  return output.subarray(edge, count - edge);
}

describe("the resampler to 24 kHz", () => {
  for (const from of [44_100, 48_000, 96_000]) {
    test(`attenuates aliases of tones above 13 kHz at ${from} Hz by 80 dB`, () => {
      for (let frequency = 13_000; frequency < from / 2; frequency += 613) {
        const folded = resampled(tone(frequency, from, 9600), from, 24_000);
        assert.ok(decibels(rmsOf(folded) / Math.SQRT1_2) < -80, `${frequency} Hz`);
      }
    });

    test(`is flat from ${from} Hz: within 0.1 dB to 9 kHz, 3 dB to 10.5 kHz`, () => {
      for (const [frequency, most] of [
        [100, 0.1],
        [1000, 0.1],
        [4000, 0.1],
        [9000, 0.1],
        [10_500, 3],
      ]) {
        const kept = resampled(tone(frequency, from, 19_200), from, 24_000);
        assert.ok(Math.abs(decibels(rmsOf(kept) / Math.SQRT1_2)) < most, `${frequency} Hz`);
      }
    });
  }
});

describe("the resampler from 24 kHz", () => {
  for (const to of [44_100, 48_000, 96_000]) {
    test(`attenuates images at ${to} Hz by 80 dB`, () => {
      for (const frequency of [440, 3000, 8000, 10_500]) {
        const played = resampled(tone(frequency, 24_000, 4800), 24_000, to);
        // Whole periods only, so that `withoutTone` removes the tone completely.
        const whole = played.subarray(0, Math.floor((played.length * 20) / to) * (to / 20));
        assert.ok(decibels(rmsOf(withoutTone(whole, frequency, to))) < -80, `${frequency} Hz`);
      }
    });
  }
});

describe("any resampler", () => {
  for (const rate of RATES) {
    for (const [from, to] of [
      [rate, 24_000],
      [24_000, rate],
    ]) {
      test(`${from} to ${to} Hz keeps a constant a constant`, () => {
        const level = resampled(new Float32Array(from / 5).fill(0.5), from, to);
        assert.ok(level.every((sample) => Math.abs(sample - 0.5) < 1e-6));
      });

      test(`${from} to ${to} Hz shifts nothing`, () => {
        const later = Math.round(from / 50);
        const impulse = new Float32Array(Math.round(from / 20));
        impulse[later] = 1;
        const [at, weight] = centreOf(resampled(impulse, from, to, 0));
        assert.ok(Math.abs(at / to - later / from) < 1e-6 && weight > 0, `${at / to} s`);
      });

      test(`${from} to ${to} Hz does not depend on block sizes`, () => {
        const random = seededRandom(7);
        const sound = Float32Array.from({ length: from / 4 }, () => 2 * random() - 1);
        const blocks = inBlocks(sound, from, to, () => 1 + Math.floor(random() * 700));
        assert.deepEqual(blocks, resampled(sound, from, to, 0));
      });

      test(`${from} to ${to} Hz knows exactly how many samples it still needs`, () => {
        const resampler = new Resampler(from, to);
        const output = new Float32Array(128);
        for (let quantum = 1; quantum <= 100; quantum += 1) {
          const needed = resampler.missing(128);
          resampler.push(new Float32Array(Math.max(0, needed - 1)));
          assert.ok(needed === 0 || resampler.missing(128) === 1);
          resampler.push(new Float32Array(resampler.missing(128)));
          assert.equal(resampler.pull(output), 128);
          const position = (quantum * 128 * from) / to;
          assert.ok(Math.abs(resampler.position - position) < 1e-6);
        }
      });
    }
  }

  test("looks 0.67 ms ahead", () => {
    assert.equal(new Resampler(24_000, 48_000).lookahead / 24_000, 16 / 24_000);
    assert.equal(new Resampler(48_000, 24_000).lookahead / 48_000, 16 / 24_000);
  });

  test("between equal rates passes every sample unchanged and at once", () => {
    const sound = Float32Array.from(ramp(1000), floatFromInt16);
    assert.deepEqual(resampled(sound, 24_000, 24_000, 0), sound);
    assert.equal(new Resampler(24_000, 24_000).lookahead, 0);
  });

  test("forgets all samples at a reset", () => {
    const resampler = new Resampler(24_000, 44_100);
    resampler.push(tone(440, 24_000, 3000));
    resampler.pull(new Float32Array(2000));
    resampler.reset();
    resampler.push(tone(1000, 24_000, 3000));
    const output = new Float32Array(2000);
    resampler.pull(output);
    assert.deepEqual(
      output,
      resampled(tone(1000, 24_000, 3000), 24_000, 44_100, 0).subarray(0, 2000),
    );
  });
});

describe("samples", () => {
  test("beyond full scale are clipped, not wrapped around", () => {
    assert.deepEqual([2, 1, -1, -2].map(int16FromFloat), [32_767, 32_767, -32_768, -32_768]);
  });

  test("survive the conversion to floats and back, every value", () => {
    for (let sample = -32_768; sample < 32_768; sample += 1) {
      assert.equal(int16FromFloat(floatFromInt16(sample)), sample);
    }
  });

  test("of two channels become their mean", () => {
    const mono = new Float32Array(2);
    downMix([Float32Array.of(1, 0.5), Float32Array.of(0, -0.5)], mono);
    assert.deepEqual(mono, Float32Array.of(0.5, 0));
  });

  test("have an RMS level as a fraction of full scale", () => {
    assert.equal(rmsOfPcm(Int16Array.of(-32_768, 0)), Math.SQRT1_2);
    assert.equal(rmsOfPcm(new Int16Array(0)), 0);
  });
});

describe("base64", () => {
  /** Run without the built-in base64 methods of Uint8Array, where there are some. */
  function withoutNative(run) {
    const { toBase64 } = Uint8Array.prototype;
    const { fromBase64 } = Uint8Array;
    delete Uint8Array.prototype.toBase64;
    delete Uint8Array.fromBase64;
    try {
      run();
    } finally {
      if (toBase64) Object.assign(Uint8Array.prototype, { toBase64 });
      if (fromBase64) Object.assign(Uint8Array, { fromBase64 });
    }
  }

  test("encodes the little-endian bytes", () => {
    assert.equal(base64FromPcm(Int16Array.of(1, -2)), "AQD+/w==");
    assert.deepEqual(pcmFromBytes(bytesFromBase64("AQD+/w==")), Int16Array.of(1, -2));
  });

  test("decodes to the same samples, also without the built-in methods", () => {
    const long = ramp(123_457);
    withoutNative(() => {
      assert.equal(base64FromPcm(long), Buffer.from(long.buffer).toString("base64"));
      assert.deepEqual(pcmFromBytes(bytesFromBase64(base64FromPcm(long))), long);
    });
  });

  test("uses the built-in methods where there are some", () => {
    withoutNative(() => {
      Uint8Array.prototype.toBase64 = () => "own";
      Uint8Array.fromBase64 = () => Uint8Array.of(7, 0);
      assert.equal(base64FromPcm(ramp(3)), "own");
      assert.deepEqual(bytesFromBase64("AQA="), Uint8Array.of(7, 0));
      delete Uint8Array.prototype.toBase64;
      delete Uint8Array.fromBase64;
    });
  });

  test("covers only the samples of a view", () => {
    assert.equal(base64FromPcm(Int16Array.of(9, 1, -2, 9).subarray(1, 3)), "AQD+/w==");
  });

  test("leaves out an odd byte at the end", () => {
    assert.deepEqual(pcmFromBytes(bytesFromBase64(btoa("\x01\x00\x02"))), Int16Array.of(1));
  });

  test("throws for a text that is not base64", () => {
    assert.throws(() => bytesFromBase64("not base64!"));
  });
});

describe("the chunker", () => {
  function chunking() {
    const chunks = [];
    return { chunks, chunker: new Chunker((pcm) => chunks.push(pcm)) };
  }

  test("cuts 40 ms chunks, whatever the blocks", () => {
    const { chunks, chunker } = chunking();
    const sound = Float32Array.from(ramp(2000), floatFromInt16);
    for (let at = 0; at < 2000; at += 70) chunker.push(sound.subarray(at, at + 70));
    assert.deepEqual(chunks, [ramp(CHUNK_SAMPLES), ramp(CHUNK_SAMPLES, CHUNK_SAMPLES)]);
  });

  test("flushes a partial chunk padded with zeros, and nothing when it is empty", () => {
    const { chunks, chunker } = chunking();
    chunker.flush();
    chunker.push(Float32Array.of(0.5));
    chunker.flush();
    chunker.flush();
    assert.equal(chunks.length, 1);
    assert.deepEqual([...chunks[0].subarray(0, 2)], [16_384, 0]);
    assert.equal(chunks[0].length, CHUNK_SAMPLES);
  });
});

/** The centre of gravity of an impulse, in samples, and its weight. */
function centreOf(samples) {
  const weight = samples.reduce((sum, sample) => sum + sample, 0);
  return [samples.reduce((sum, sample, i) => sum + sample * i, 0) / weight, weight];
}

/** A sound at another rate, pushed and pulled in blocks of the sizes that `size()` returns. */
function inBlocks(samples, from, to, size) {
  const resampler = new Resampler(from, to);
  const pulled = [];
  for (let at = 0; at < samples.length; ) {
    const next = at + size();
    resampler.push(samples.subarray(at, next));
    at = next;
    const output = new Float32Array(size());
    pulled.push(output.subarray(0, resampler.pull(output)));
  }
  const rest = new Float32Array(samples.length * 10);
  pulled.push(rest.subarray(0, resampler.pull(rest)));
  return joined(pulled);
}
