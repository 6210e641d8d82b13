import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { GrowingText } from "../../../frontend/markdown/growing-text.js";
import { lex } from "./markdown.js";

const nodesOf = (blocks) => blocks.map(({ node }) => node).filter(Boolean);
const wholeOf = (source) => nodesOf(new GrowingText().update(source, lex, true));

/** What lists are made of, and what may stand in them, beside them and behind them. */
const PIECES = [
  "- a",
  "- **b** and `c` and [a]",
  "- e\n",
  "- c\n\n  d",
  "   - three",
  "    - four",
  "- [ ] task",
  "- [x] done",
  "- \ttab",
  "-",
  "--",
  "---",
  "- - -",
  "* x",
  "+ y",
  "1. one",
  "1) one",
  "\n",
  "\n\n",
  "  more",
  "    code",
  "words",
  "日本語",
  "# heading",
  "===",
  "> quote",
  "```\n",
  "| a | b |\n|---|---|\n| c | d |",
  "<div>",
  " ",
];
/** Half of all pieces: lists become long. */
const COMMON = PIECES.slice(0, 5);

/** Random sources, the same in each run. @param {number} seed @param {number} count */
function* sources(seed, count) {
  let state = seed;
  const below = (limit) => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const pick = (pieces) => pieces[below(pieces.length)];
  for (let index = 0; index < count; index += 1) {
    const pieces = Array.from({ length: 4 + below(30) }, () => pick(below(2) ? PIECES : COMMON));
    const source = pieces.map((piece) => piece + (below(4) ? "\n" : "")).join("");
    yield `[a]: https://kaiwa.test\n\n${source}`;
  }
}

for (const [size, count] of [
  [1, 3],
  [4, 8],
]) {
  test(`random lists that grow by ${size} show at each step what they would as a whole`, () => {
    for (const source of sources(size, count)) {
      const text = new GrowingText();
      for (let end = size; end <= source.length; end += size) {
        const part = source.slice(0, end);
        const shown = JSON.stringify(nodesOf(text.update(part, lex, false)));
        assert.equal(shown, JSON.stringify(wholeOf(part)), part);
      }
    }
  });
}

describe("a list of 150 items", () => {
  const ITEM = "- **flour** and `water`, some words\n";
  const LISTS = {
    tight: ITEM,
    loose: `${ITEM}\n`,
    numbered: ITEM.replace("-", "7."),
    nested: `${ITEM}  ${ITEM}`,
  };
  for (const [name, item] of Object.entries(LISTS)) {
    const source = `Before it.\n\n${item.repeat(150)}`;

    test(`that is ${name} is parsed at its end only, also when a paragraph follows`, () => {
      let parsed = 0;
      const counting = (part, links) => {
        parsed += part.length;
        return lex(part, links);
      };
      const text = new GrowingText();
      let blocks = text.update(source, counting, false);
      for (const more of ["- an", "- and on", "- and on\n\nBehind", "- and on\n\nBehind it."]) {
        const grown = source + more.replace("- ", item.startsWith("7.") ? "7. " : "- ");
        parsed = 0;
        const before = nodesOf(blocks);
        blocks = text.update(grown, counting, false);
        assert.ok(parsed < 300, `${parsed} characters`);
        assert.deepEqual(nodesOf(blocks), wholeOf(grown));
        const [, list] = nodesOf(blocks);
        const known = before[1].children;
        assert.ok(known.slice(0, -2).every((child, index) => child === list.children[index]));
      }
    });
  }
});
