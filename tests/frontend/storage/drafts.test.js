import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts, unsentText } from "../../../frontend/storage/drafts.js";
import { FakeStorage } from "../equipment.js";

const FORBIDDEN = {
  getItem() {
    throw new Error("SecurityError");
  },
  setItem() {
    throw new Error("QuotaExceededError");
  },
};
const ONE = [
  { itemId: "page_1", text: "Sent off" },
  { itemId: "", text: "Still in the box" },
];

test("the drafts of a session are returned once", () => {
  const drafts = new Drafts(new FakeStorage());
  drafts.save("one", ONE);
  assert.deepEqual(drafts.take("two"), []);
  assert.deepEqual(
    ["one", "two"].map((id) => drafts.has(id)),
    [true, false],
  );
  assert.deepEqual(drafts.take("one"), ONE);
  assert.deepEqual(drafts.take("one"), []);
});

test("messages that did arrive are left out of the text", () => {
  assert.equal(unsentText(ONE, new Set()), "Sent off\nStill in the box");
  assert.equal(unsentText(ONE, new Set(["page_1"])), "Still in the box");
});

test("saving nothing deletes what was stored", () => {
  const storage = new FakeStorage();
  const drafts = new Drafts(storage);
  drafts.save("", [{ itemId: "", text: "Hello" }]);
  drafts.save("", []);
  assert.deepEqual(Object.keys(storage), []);
});

test("clear() deletes all drafts and no other key", () => {
  const storage = new FakeStorage();
  const drafts = new Drafts(storage);
  drafts.save("one", [{ itemId: "", text: "Secret" }]);
  storage.setItem("kaiwa.preferences", "{}");
  drafts.clear();
  assert.deepEqual(Object.keys(storage), ["kaiwa.preferences"]);
});

test("drafts of another user are deleted", () => {
  const storage = new FakeStorage();
  for (const [user, found] of [
    ["1", []],
    ["1", ONE],
    ["2", []],
  ]) {
    const drafts = new Drafts(storage);
    drafts.setOwner(user);
    assert.deepEqual(drafts.take(""), found);
    drafts.save("", ONE);
  }
});

test("with a forbidden storage or malformed data nothing is thrown", () => {
  const drafts = new Drafts(FORBIDDEN);
  drafts.save("one", [{ itemId: "", text: "Hello" }]);
  assert.deepEqual(drafts.take("one"), []);
  assert.equal(drafts.has("one"), false);
  const storage = new FakeStorage();
  for (const nonsense of ["{", "null", '"words"']) {
    storage.setItem("kaiwa.draft.one", nonsense);
    assert.deepEqual(new Drafts(storage).take("one"), []);
  }
});
