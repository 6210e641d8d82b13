import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMIT, GUESS, ITEM, ItemChain } from "../../../frontend/transcript/chain.js";

test("the order is that of the predecessors, whatever the order of arrival", () => {
  const chain = new ItemChain();
  chain.place("c", "b", ITEM);
  chain.place("b", "a", ITEM);
  chain.place("a", null, ITEM);
  assert.deepEqual(chain.order(), ["a", "b", "c"]);
});

test("of two statements about an item the one of higher rank counts", () => {
  const chain = new ItemChain();
  chain.place("a", null, ITEM);
  chain.place("b", "a", ITEM);
  chain.place("c", "b", GUESS);
  chain.place("c", "a", COMMIT);
  chain.place("c", "b", GUESS);
  assert.deepEqual(chain.order(), ["a", "c", "b"]);
});

test("items of earlier calls come first", () => {
  const chain = new ItemChain(["p1", "p2"]);
  chain.place("a", "p2", ITEM);
  assert.deepEqual(chain.order(), ["p1", "p2", "a"]);
});

test("a circle of predecessors loses no item", () => {
  const chain = new ItemChain();
  chain.place("a", "b", ITEM);
  chain.place("b", "a", ITEM);
  assert.deepEqual(chain.order().toSorted(), ["a", "b"]);
});

test("an item that is followed before it is placed stands behind the chains seen before it", () => {
  const chain = new ItemChain();
  chain.place("d", "c", ITEM);
  chain.see("x");
  chain.place("c", "b", ITEM);
  chain.place("y", "x", ITEM);
  assert.deepEqual(chain.order(), ["x", "y", "b", "c", "d"]);
});
