import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts } from "../../frontend/drafts.js";

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
const NOBODY = new Set();

test("unsent words are handed back to their session, once", () => {
  const drafts = new Drafts(new TabStorage());
  drafts.keep("one", [
    { itemId: "page_1", text: "Sent off" },
    { itemId: "", text: "Still in the box" },
  ]);
  assert.equal(drafts.take("two", NOBODY), "");
  assert.deepEqual(
    ["one", "two"].map((id) => drafts.has(id)),
    [true, false],
  );
  assert.equal(drafts.take("one", NOBODY), "Sent off\nStill in the box");
  assert.equal(drafts.take("one", NOBODY), "");
});

test("what did arrive is not handed back", () => {
  const drafts = new Drafts(new TabStorage());
  drafts.keep("one", [
    { itemId: "page_1", text: "Arrived" },
    { itemId: "page_2", text: "Lost" },
  ]);
  assert.equal(drafts.take("one", new Set(["page_1"])), "Lost");
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

test("a storage that refuses or holds nonsense breaks nothing", () => {
  const drafts = new Drafts(FORBIDDEN);
  drafts.keep("one", [{ itemId: "", text: "Hello" }]);
  assert.equal(drafts.take("one", NOBODY), "");
  assert.equal(drafts.has("one"), false);
  const storage = new TabStorage();
  storage.setItem("kaiwa.draft.one", "{");
  assert.equal(new Drafts(storage).take("one", NOBODY), "");
});
