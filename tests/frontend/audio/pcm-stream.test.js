import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { base64FromPcm } from "../../../frontend/audio/pcm.js";
import { PcmStream } from "../../../frontend/audio/pcm-stream.js";
import { ramp, seededRandom } from "./sounds.js";

const base64 = (bytes) => Buffer.from(bytes).toString("base64");

describe("the audio of an answer", () => {
  test("is one sound however its deltas divide it", () => {
    const random = seededRandom(11);
    const sound = ramp(6000);
    const bytes = Buffer.from(sound.buffer);
    for (const longest of [1, 2, 3, 7, 8001]) {
      const stream = new PcmStream();
      const samples = [];
      for (let at = 0; at < bytes.length; ) {
        const next = at + 1 + Math.floor(random() * longest);
        samples.push(...stream.decode("a/0", base64(bytes.subarray(at, next))));
        at = next;
      }
      assert.deepEqual(samples, [...sound]);
    }
  });

  test("is carried on for each content part by itself", () => {
    const stream = new PcmStream();
    assert.deepEqual(stream.decode("a/0", base64([1])), Int16Array.of());
    assert.deepEqual(stream.decode("a/1", base64([2, 0, 3])), Int16Array.of(2));
    assert.deepEqual(stream.decode("a/0", base64([0, 4, 0])), Int16Array.of(1, 4));
    assert.deepEqual(stream.decode("a/1", base64([0])), Int16Array.of(3));
  });

  test("passes over what has no bytes", () => {
    const stream = new PcmStream();
    stream.decode("a/0", base64([1]));
    for (const nothing of [null, undefined, 7, true, {}, [], ""]) {
      assert.equal(stream.decode("a/0", nothing).length, 0);
    }
    assert.deepEqual(stream.decode("a/0", base64([0])), Int16Array.of(1));
  });

  test("begins anew after a broken text and after the call", () => {
    const stream = new PcmStream();
    for (const interrupt of [() => stream.decode("a/0", "?!"), () => stream.clear()]) {
      stream.decode("a/0", base64([1]));
      interrupt();
      assert.deepEqual(stream.decode("a/0", base64FromPcm(ramp(3))), ramp(3));
    }
  });

  test("counts a repeated delta once, and none after the end", () => {
    const stream = new PcmStream();
    for (const eventId of ["e1", "e1"]) stream.decode("a/0", base64([1]), eventId);
    assert.deepEqual(stream.decode("a/0", base64([0, 2, 0]), "e2"), Int16Array.of(1, 2));
    stream.end("a/0");
    assert.equal(stream.decode("a/0", base64([3, 0]), "e3").length, 0);
  });
});
