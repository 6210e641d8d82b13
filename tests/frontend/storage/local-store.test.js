import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_PREFERENCES, LocalStore } from "../../../frontend/storage/local-store.js";

function storage(initial = {}) {
  const kept = new Map(Object.entries(initial));
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => kept.set(key, text),
    removeItem: (key) => kept.delete(key),
  };
}

test("preferences are saved one by one", () => {
  const store = new LocalStore(storage());
  store.savePreferences({ volume: 0.5 });
  store.savePreferences({ language: "ja" });
  assert.deepEqual(store.preferences(), { ...DEFAULT_PREFERENCES, volume: 0.5, language: "ja" });
});

test("stored text that is no preferences gives the defaults", () => {
  for (const text of ["not json", "null", "[]", '{"volume":"loud","colour":"red"}']) {
    assert.deepEqual(
      new LocalStore(storage({ "kaiwa.preferences": text })).preferences(),
      DEFAULT_PREFERENCES,
    );
  }
});

test("a token is stored until it is emptied", () => {
  const store = new LocalStore(storage());
  store.token = "abc";
  assert.equal(store.token, "abc");
  store.token = "";
  assert.equal(store.token, "");
});

test("the ten microphones that gave sound last are known", () => {
  const kept = storage();
  const names = Array.from({ length: 11 }, (_, n) => `d${n}`);
  for (const name of [...names, "d1"]) new LocalStore(kept).addSounded(name);
  const store = new LocalStore(kept);
  assert.deepEqual(
    names.filter((name) => !store.hasSounded(name)),
    ["d0"],
  );
  for (const text of ["not json", "7", "null"]) {
    assert.equal(new LocalStore(storage({ "kaiwa.microphones": text })).hasSounded("d1"), false);
  }
});

test("with a forbidden storage nothing is kept and nothing is thrown", () => {
  const forbidden = () => {
    throw new Error("denied");
  };
  const store = new LocalStore({ getItem: forbidden, setItem: forbidden, removeItem: forbidden });
  store.token = "abc";
  assert.equal(store.token, "");
  store.addSounded("d1");
  assert.equal(store.hasSounded("d1"), false);
  assert.deepEqual(store.preferences(), DEFAULT_PREFERENCES);
});
