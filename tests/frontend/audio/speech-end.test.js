import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { CHUNK_MS } from "../../../frontend/audio/pcm.js";
import { SpeechEnd } from "../../../frontend/audio/speech-end.js";

/** Feed these levels, one chunk each; returns when speech ended. */
function endOf(...levels) {
  const end = new SpeechEnd();
  levels.flat().forEach((rms, index) => {
    end.addLevel(rms, (index + 1) * CHUNK_MS);
  });
  return end.take();
}

const times = (count, rms) => Array(count).fill(rms);
const WORDS = [0.1, 0.2, 0.15, 0.01, 0.12];

describe("the end of speech", () => {
  test("is the end of the last chunk with speech, however long the silence after it", () => {
    assert.equal(endOf(times(10, 0.0005), WORDS, times(15, 0.0005)), 15 * CHUNK_MS);
  });

  test("is not delayed by room noise", () => {
    assert.equal(endOf(times(25, 0.02), times(5, 0.1), times(15, 0.022)), 30 * CHUNK_MS);
  });

  test("is found when the microphone was muted before and after it", () => {
    assert.equal(endOf(times(60, 0), WORDS, times(15, 0)), 65 * CHUNK_MS);
  });

  test("is found in a sentence longer than the noise window", () => {
    const sentence = times(30, WORDS).flat();
    assert.equal(endOf(times(10, 0.0005), sentence, times(15, 0.0005)), 160 * CHUNK_MS);
  });

  test("is found when the very first chunk is speech", () => {
    assert.equal(endOf(0.2, times(15, 0)), CHUNK_MS);
  });

  test("is returned once, and null without speech", () => {
    const end = new SpeechEnd();
    assert.equal(end.take(), null);
    end.addLevel(0.2, 40);
    assert.equal(end.take(), 40);
    assert.equal(end.take(), null);
    assert.equal(endOf(times(20, 0.004)), null);
  });
});
