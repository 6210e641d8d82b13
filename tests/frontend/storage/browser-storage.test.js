import assert from "node:assert/strict";
import { test } from "node:test";
import { BrowserStorage } from "../../../frontend/storage/browser-storage.js";
import { Drafts } from "../../../frontend/storage/drafts.js";
import { LocalStore } from "../../../frontend/storage/local-store.js";
import { FakeStorage } from "../equipment.js";

const refuse = () => {
  throw new DOMException("The operation is insecure.", "SecurityError");
};

/** Storage that is full: what is there can be read, and nothing can be added. */
class FullStorage extends FakeStorage {
  setItem() {
    throw new DOMException("exceeded the quota", "QuotaExceededError");
  }
}

/** Storage whose every method throws. */
const DEAD = { getItem: refuse, setItem: refuse, removeItem: refuse };

/** How a browser refuses its storage. */
const REFUSALS = {
  "a getter that throws": refuse,
  "a getter that gives null": () => null,
  "no such property": () => undefined,
  "methods that throw": () => DEAD,
  "a full storage": () => new FullStorage(),
};

for (const [name, open] of Object.entries(REFUSALS)) {
  test(`${name}: the page works from memory`, () => {
    const storage = new BrowserStorage(open);
    assert.equal(storage.isKept, false);
    assert.equal(storage.getItem("kaiwa.token"), null);

    const store = new LocalStore(storage);
    store.token = "abc";
    store.savePreferences({ volume: 0.5 });
    assert.deepEqual([store.token, store.preferences().volume], ["abc", 0.5]);
    store.token = "";
    assert.equal(store.token, "");

    const drafts = new Drafts(storage);
    drafts.setOwner("1");
    drafts.save("one", [{ itemId: "", text: "Half a thought" }]);
    assert.equal(drafts.has("one"), true);
    assert.deepEqual(drafts.take("one"), [{ itemId: "", text: "Half a thought" }]);
    drafts.save("two", [{ itemId: "", text: "Another" }]);
    drafts.setOwner("2");
    assert.deepEqual(drafts.take("two"), []);
  });
}

test("a storage that works is used as it is, without a trace of the probe", () => {
  const real = new FakeStorage();
  const storage = new BrowserStorage(() => real);
  assert.deepEqual([storage.isKept, storage.keys()], [true, []]);
  storage.setItem("kaiwa.token", "abc");
  assert.equal(real.getItem("kaiwa.token"), "abc");
  // As another tab does.
  real.setItem("kaiwa.token", "def");
  assert.equal(storage.getItem("kaiwa.token"), "def");
  storage.removeItem("kaiwa.token");
  assert.deepEqual(Object.keys(real), []);
});

test("a storage that becomes full keeps the latest text in memory, and gives way when there is room", () => {
  const real = new FakeStorage();
  const storage = new BrowserStorage(() => real);
  storage.setItem("kaiwa.token", "old");
  real.setItem = refuse;
  storage.setItem("kaiwa.token", "new");
  assert.deepEqual([storage.getItem("kaiwa.token"), real.getItem("kaiwa.token")], ["new", "old"]);
  delete real.setItem;
  storage.setItem("kaiwa.token", "newest");
  assert.equal(real.getItem("kaiwa.token"), "newest");
});

test("what cannot be removed is gone for the page", () => {
  const real = new FakeStorage();
  const storage = new BrowserStorage(() => real);
  storage.setItem("kaiwa.token", "abc");
  real.removeItem = refuse;
  storage.removeItem("kaiwa.token");
  assert.equal(storage.getItem("kaiwa.token"), null);
  delete real.removeItem;
  assert.deepEqual(storage.keys(), []);
});
