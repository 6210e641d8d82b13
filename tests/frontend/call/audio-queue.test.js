import assert from "node:assert/strict";
import { test } from "node:test";
import { AudioQueue } from "../../../frontend/call/audio-queue.js";

const chunk = (value) => new Int16Array([value]);

test("chunks leave the queue in the order in which they came", () => {
  const queue = new AudioQueue();
  queue.push(chunk(1));
  queue.push(chunk(2));
  assert.deepEqual([queue.shift()[0], queue.shift()[0], queue.shift()], [1, 2, undefined]);
});

test("the queue keeps the newest six seconds and reports each chunk that it drops", () => {
  const queue = new AudioQueue();
  const wasDropped = Array.from({ length: 152 }, (_, index) => queue.push(chunk(index)));
  assert.equal(wasDropped.filter(Boolean).length, 2);
  assert.equal(queue.shift()[0], 2);
});

test("clear() empties the queue", () => {
  const queue = new AudioQueue();
  queue.push(chunk(1));
  queue.clear();
  assert.equal(queue.shift(), undefined);
});
