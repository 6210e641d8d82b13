import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts, textOf } from "../../../frontend/storage/drafts.js";

/** What a tab's storage does: its keys are its properties. */
class TabStorage {
  getItem(key) {
    return this[key] ?? null;
  }

  setItem(key, text) {
    this[key] = text;
  }

  removeItem(key) {
    delete this[key];
  }
}

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

test("unsent words are handed back to their session, once", () => {
  const drafts = new Drafts(new TabStorage());
  drafts.keep("one", ONE);
  assert.deepEqual(drafts.take("two"), []);
  assert.deepEqual(
    ["one", "two"].map((id) => drafts.has(id)),
    [true, false],
  );
  assert.deepEqual(drafts.take("one"), ONE);
  assert.deepEqual(drafts.take("one"), []);
});

test("what did arrive is not to be sent again", () => {
  assert.equal(textOf(ONE, new Set()), "Sent off\nStill in the box");
  assert.equal(textOf(ONE, new Set(["page_1"])), "Still in the box");
});

test("keeping nothing takes back what was kept", () => {
  const storage = new TabStorage();
  const drafts = new Drafts(storage);
  drafts.keep("", [{ itemId: "", text: "Hello" }]);
  drafts.keep("", []);
  assert.deepEqual(Object.keys(storage), []);
});

test("who signs out leaves no words behind, and no other storage is touched", () => {
  const storage = new TabStorage();
  const drafts = new Drafts(storage);
  drafts.keep("one", [{ itemId: "", text: "Secret" }]);
  storage.setItem("kaiwa.preferences", "{}");
  drafts.forget();
  assert.deepEqual(Object.keys(storage), ["kaiwa.preferences"]);
});

test("what one person left behind is handed back to nobody else", () => {
  const storage = new TabStorage();
  for (const [person, found] of [
    ["1", []],
    ["1", ONE],
    ["2", []],
  ]) {
    const drafts = new Drafts(storage);
    drafts.belongTo(person);
    assert.deepEqual(drafts.take(""), found);
    drafts.keep("", ONE);
  }
});

test("a storage that refuses or holds nonsense breaks nothing", () => {
  const drafts = new Drafts(FORBIDDEN);
  drafts.keep("one", [{ itemId: "", text: "Hello" }]);
  assert.deepEqual(drafts.take("one"), []);
  assert.equal(drafts.has("one"), false);
  const storage = new TabStorage();
  for (const nonsense of ["{", "null", '"words"']) {
    storage.setItem("kaiwa.draft.one", nonsense);
    assert.deepEqual(new Drafts(storage).take("one"), []);
  }
});
