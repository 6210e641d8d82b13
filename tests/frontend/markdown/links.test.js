import assert from "node:assert/strict";
import { test } from "node:test";

import { linksIn, linksOf } from "../../../frontend/markdown/links.js";
import { lex } from "./markdown.js";

const addressesOf = (links) => Object.entries(links).map(([label, { href }]) => [label, href]);

test("definitions are found by label, also in lists and quotes", () => {
  const source = "[A b]: /1\n\n- x\n\n  [c]: /2\n\n> [d]: /3\n\nwords [e](/4)\n\n```\n[f]: /5\n```";
  assert.deepEqual(addressesOf(linksOf(lex(source))), [
    ["d", "/3"],
    ["c", "/2"],
    ["a b", "/1"],
  ]);
});

test("of two definitions with one label the first counts", () => {
  assert.deepEqual(addressesOf(linksOf(lex("[a]: /1\n\n[a]: /2"))), [["a", "/1"]]);
  const parts = ["/1", "/2"].map((href) => ({ links: linksOf(lex(`[a]: ${href}`)) }));
  assert.deepEqual(addressesOf(linksIn(parts)), [["a", "/1"]]);
});
