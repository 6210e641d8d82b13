import assert from "node:assert/strict";
import { test } from "node:test";
import { ItemChain, Rank } from "../../../frontend/transcript/chain.js";

test("the order follows the predecessors, whatever the order of arrival", () => {
  const chain = new ItemChain();
  chain.place("c", "b", Rank.ITEM);
  chain.place("b", "a", Rank.ITEM);
  chain.place("a", null, Rank.ITEM);
  assert.deepEqual(chain.order(), ["a", "b", "c"]);
});

test("of two statements about an item the one of higher rank counts", () => {
  const chain = new ItemChain();
  chain.place("a", null, Rank.ITEM);
  chain.place("b", "a", Rank.ITEM);
  chain.place("c", "b", Rank.GUESS);
  chain.place("c", "a", Rank.COMMIT);
  chain.place("c", "b", Rank.GUESS);
  assert.deepEqual(chain.order(), ["a", "c", "b"]);
});

test("items of earlier calls come first", () => {
  const chain = new ItemChain(["p1", "p2"]);
  chain.place("a", "p2", Rank.ITEM);
  assert.deepEqual(chain.order(), ["p1", "p2", "a"]);
});

test("a cycle of predecessors loses no item", () => {
  const chain = new ItemChain();
  chain.place("a", "b", Rank.ITEM);
  chain.place("b", "a", Rank.ITEM);
  assert.deepEqual(chain.order().toSorted(), ["a", "b"]);
});

test("an item that heads a chain before its place is known stands behind the chains seen before it", () => {
  const chain = new ItemChain();
  chain.place("d", "c", Rank.ITEM);
  chain.add("x");
  chain.place("c", "b", Rank.ITEM);
  chain.place("y", "x", Rank.ITEM);
  assert.deepEqual(chain.order(), ["x", "y", "b", "c", "d"]);
});
