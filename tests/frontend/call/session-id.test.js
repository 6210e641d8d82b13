import assert from "node:assert/strict";
import { test } from "node:test";
import { SessionId } from "../../../frontend/call/session-id.js";
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
