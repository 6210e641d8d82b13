import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SAMPLES_PER_MS } from "../../frontend/audio/pcm.js";

const facts = { ...(await import("../../frontend/shared-facts.js")) };

const SOURCE = readFileSync(new URL("../../frontend/shared-facts.js", import.meta.url), "utf8");

/** JSON with sorted keys. */
const sorted = (value) =>
  JSON.parse(JSON.stringify(value), (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

test("every fact is written as JSON with sorted keys, so that a program can write it", () => {
  const written = [...SOURCE.matchAll(/^export const (\w+) = ([\s\S]*?);$/gm)];
  assert.deepEqual(written.map(([, name]) => name).sort(), Object.keys(facts).sort());
  for (const [, name, json] of written) {
    assert.equal(json, JSON.stringify(sorted(facts[name]), null, 2), name);
  }
});

test("the module holds data only", () => {
  assert.doesNotMatch(SOURCE, /\bimport\b|=>|\bfunction\b/);
});

test("the audio is what the worklets produce: 16 bits per sample", () => {
  assert.equal(facts.AUDIO.bytesPerMs, SAMPLES_PER_MS * Int16Array.BYTES_PER_ELEMENT);
});
