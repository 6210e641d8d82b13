import assert from "node:assert/strict";
import { test } from "node:test";
import { SteadyMap } from "../../../frontend/transcript/steady-map.js";

test("what was made of an item is known while the item keeps its index", () => {
  const steady = new SteadyMap();
  const [a, b, c] = [{ name: "a" }, { name: "b" }, { name: "c" }];
  const made = [];
  const map = (items) =>
    steady.map(items, ({ name }, index, known) => {
      if (known) return known;
      made.push(name);
      return `${name}${index}`;
    });
  assert.deepEqual(map([a, b]), ["a0", "b1"]);
  assert.deepEqual(map([a, b, c]), ["a0", "b1", "c2"]);
  assert.deepEqual(made, ["a", "b", "c"]);
  assert.deepEqual(map([a, c]), ["a0", "c1"]);
  assert.deepEqual(map([{ ...a }, c]), ["a0", "c1"]);
  assert.deepEqual(made, ["a", "b", "c", "c", "a"]);
});
