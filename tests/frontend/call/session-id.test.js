import assert from "node:assert/strict";
import { test } from "node:test";
import { isSessionId, malformedSentence, SessionId } from "../../../frontend/call/session-id.js";
import { deferred } from "../equipment.js";

test("a known id is returned", async () => {
  const id = new SessionId("one");
  assert.equal(id.isKnown, true);
  assert.equal(await id.get(), "one");
});

test("a session is created when its id is first needed, and once", async () => {
  const create = deferred();
  const id = new SessionId(create);
  assert.deepEqual([id.isKnown, create.calls.length], [false, 0]);
  const both = Promise.all([id.get(), id.get()]);
  create.calls[0].resolve("made");
  assert.deepEqual(await both, ["made", "made"]);
  assert.equal(await id.get(), "made");
  assert.deepEqual([id.isKnown, create.calls.length], [true, 1]);
});

test("a failed creation is tried again by the next caller", async () => {
  const create = deferred();
  const id = new SessionId(create);
  const first = id.get();
  create.calls[0].reject(new Error("refused"));
  await assert.rejects(first, { message: "refused" });
  const second = id.get();
  create.calls[1].resolve("made");
  assert.equal(await second, "made");
});

test("a session's id is a UUID", () => {
  const uuid = "8c0f6f3e-3f0b-4c58-9f5d-2f1c0a9b7d11";
  assert.deepEqual([uuid, uuid.toUpperCase()].map(isSessionId), [true, true]);
  for (const id of ["", "s1", "undefined", `${uuid}/`, ` ${uuid}`, uuid.slice(1), null, 7]) {
    assert.equal(isSessionId(id), false, String(id));
  }
});

test("the sentence about a malformed id is in the language asked for, else in English", () => {
  assert.match(malformedSentence("ja"), /UUID です/);
  assert.match(malformedSentence("en"), /is a UUID/);
  assert.equal(malformedSentence("fr"), malformedSentence("en"));
});

test("a session that was forgotten is created again; an id that was given stays", async () => {
  let made = 0;
  const id = new SessionId(async () => `made ${++made}`);
  assert.equal(await id.get(), "made 1");
  id.forget();
  assert.deepEqual([id.isKnown, await id.get()], [false, "made 2"]);
  const given = new SessionId("one");
  given.forget();
  assert.equal(await given.get(), "one");
});
