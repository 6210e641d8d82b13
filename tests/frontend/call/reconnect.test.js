import assert from "node:assert/strict";
import { test } from "node:test";
import { AudioQueue } from "../../../frontend/call/audio-queue.js";
import { afterClose, attemptsThatCount } from "../../../frontend/call/reconnect.js";
import { DEFAULTS, LocalStore } from "../../../frontend/storage/local-store.js";
import { pastOf } from "../../../frontend/transcript/past.js";

test("a broken line comes back after 1, 2 and 4 seconds, then leaves it to the person", () => {
  const verdicts = [0, 1, 2, 3].map((attempts) => afterClose(null, 1006, attempts));
  assert.deepEqual(verdicts, [
    { kind: "come_back", attempt: 1, delayMs: 1000 },
    { kind: "come_back", attempt: 2, delayMs: 2000 },
    { kind: "come_back", attempt: 3, delayMs: 4000 },
    { kind: "end", why: "no_network" },
  ]);
});

test("attempts are forgotten after a call that was well, and later after one that went dumb", () => {
  assert.equal(attemptsThatCount(2, 9_999, false), 2);
  assert.equal(attemptsThatCount(2, 10_000, false), 0);
  assert.equal(attemptsThatCount(2, 30_000, true), 2);
  assert.equal(attemptsThatCount(2, 60_000, true), 0);
});

test("a restarting server is come back to", () => {
  const farewell = { reason: "draining", retryable: true };
  assert.equal(afterClose(farewell, 1012, 0).kind, "come_back");
});

test("the server's own word decides over the close code", () => {
  assert.equal(
    afterClose({ reason: "provider_timeout", retryable: true }, 4504, 0).kind,
    "come_back",
  );
  const refused = afterClose({ reason: "provider_refused", retryable: false }, 4502, 0);
  assert.deepEqual(refused, { kind: "end", why: "provider_refused" });
});

test("it says the server's reason when the attempts are used up", () => {
  const farewell = { reason: "provider_unavailable", retryable: true };
  assert.deepEqual(afterClose(farewell, 4503, 3), { kind: "end", why: "provider_unavailable" });
});

test("another tab's call is never fought over, even when the farewell was lost", () => {
  assert.deepEqual(afterClose(null, 4409, 0), { kind: "end", why: "taken_over" });
  const farewell = { reason: "taken_over", retryable: false };
  assert.deepEqual(afterClose(farewell, 4409, 0), { kind: "end", why: "taken_over" });
});

const chunk = (value) => new Int16Array([value]);

test("the outbox gives back what it was given, in order", () => {
  const outbox = new AudioQueue();
  outbox.push(chunk(1));
  outbox.push(chunk(2));
  assert.deepEqual([outbox.shift()[0], outbox.shift()[0], outbox.shift()], [1, 2, undefined]);
});

test("the outbox keeps the newest six seconds and says when something had to go", () => {
  const outbox = new AudioQueue();
  const wasDropped = Array.from({ length: 152 }, (_, index) => outbox.push(chunk(index)));
  assert.equal(wasDropped.filter(Boolean).length, 2);
  assert.equal(outbox.shift()[0], 2);
});

test("the outbox forgets on request", () => {
  const outbox = new AudioQueue();
  outbox.push(chunk(1));
  outbox.clear();
  assert.equal(outbox.shift(), undefined);
});

const kept = (itemId, position, more = {}) => ({
  item_id: itemId,
  content_index: 0,
  role: "user",
  modality: "voice",
  text: itemId,
  heard_text: null,
  heard_ms: null,
  status: "completed",
  position,
  ...more,
});
const seen = (itemId, more = {}) => ({
  itemId,
  contentIndex: 0,
  role: "user",
  modality: "voice",
  text: itemId,
  heardText: null,
  heardMs: null,
  status: "completed",
  position: 0,
  ...more,
});

test("what the server kept comes first and is not doubled by what the page has seen", () => {
  const past = pastOf([kept("a", 0), kept("b", 7)], [seen("b"), seen("c")]);
  assert.deepEqual(
    past.map(({ item_id: id, position }) => [id, position]),
    [
      ["a", 0],
      ["b", 7],
      ["c", 8],
    ],
  );
});

test("what was going on when the line broke is past, and cut off", () => {
  assert.equal(pastOf([], [seen("a", { status: "in_progress" })])[0].status, "interrupted");
  assert.equal(pastOf([kept("a", 0, { status: "in_progress" })], [])[0].status, "interrupted");
});

test("a line without words that only the page has seen is let go", () => {
  assert.deepEqual(pastOf([], [seen("a", { text: "", status: "in_progress" })]), []);
});

function storage(initial = {}) {
  const kept = new Map(Object.entries(initial));
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => kept.set(key, text),
    removeItem: (key) => kept.delete(key),
  };
}

test("preferences are remembered one by one", () => {
  const memory = new LocalStore(storage());
  memory.prefer({ volume: 0.5 });
  memory.prefer({ language: "ja" });
  assert.deepEqual(memory.preferences(), { ...DEFAULTS, volume: 0.5, language: "ja" });
});

test("what was stored by hand or by another version breaks nothing", () => {
  for (const text of ["not json", "null", "[]", '{"volume":"loud","colour":"red"}']) {
    assert.deepEqual(
      new LocalStore(storage({ "kaiwa.preferences": text })).preferences(),
      DEFAULTS,
    );
  }
});

test("a login is remembered until it is forgotten", () => {
  const memory = new LocalStore(storage());
  memory.token = "abc";
  assert.equal(memory.token, "abc");
  memory.token = "";
  assert.equal(memory.token, "");
});

test("a storage that is forbidden remembers nothing and breaks nothing", () => {
  const forbidden = () => {
    throw new Error("denied");
  };
  const memory = new LocalStore({ getItem: forbidden, setItem: forbidden, removeItem: forbidden });
  memory.token = "abc";
  assert.equal(memory.token, "");
  assert.deepEqual(memory.preferences(), DEFAULTS);
});
