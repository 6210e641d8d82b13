import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { GrowingText, MOST_MARKDOWN_CHARS } from "../../../frontend/markdown/growing-text.js";
import { inShort, lex, textIn } from "./markdown.js";

const ANSWER = `# A heading

A paragraph with **strong** words,
a [link](https://kaiwa.test) and \`code\`.

1. one

2. two
   - inner

   more of two

- loose

--- not a rule

\`\`\`js
const a = 1;

const b = \`\${a}\`;
\`\`\`

| a | b |
|---|---|
| c | d |

A title
-------

> a quote
goes on

日本語の**重要**な文。

The end.
`;

const nodesOf = (blocks) => blocks.map(({ node }) => node).filter(Boolean);
const wholeOf = (source) => nodesOf(new GrowingText().update(source, lex, true));

/** The blocks after each piece of the text, of `size` characters. */
function* growing(text, source, size) {
  for (let end = size; end < source.length + size; end += size) {
    yield [source.slice(0, end), text.update(source.slice(0, end), lex, false)];
  }
}

for (const size of [2, 20]) {
  test(`a text that grows by ${size} shows at each step what it would show as a whole`, () => {
    for (const [source, blocks] of growing(new GrowingText(), ANSWER, size)) {
      assert.deepEqual(nodesOf(blocks), wholeOf(source), JSON.stringify(source.slice(-40)));
    }
  });
}

test("an empty item that gets its text changes the two blocks before it", () => {
  const source = "Steps:\n2. two\n- x\n\nThe end.";
  for (const [part, blocks] of growing(new GrowingText(), source, 1)) {
    assert.deepEqual(nodesOf(blocks), wholeOf(part), JSON.stringify(part));
  }
});

test("headings begin at h2 and skip no level, also while the text grows", () => {
  const source = "## A\n\n#### B\n\n## C\n\n# D\n\n## E\n\n###### F\n\nThe end of it.";
  const tagsOf = (nodes) => nodes.map(({ tag }) => tag);
  const tags = ["h2", "h3", "h2", "h2", "h3", "h4", "p"];
  assert.deepEqual(tagsOf(wholeOf(source)), tags);
  const text = new GrowingText();
  for (const [part, blocks] of growing(text, source, 3)) {
    assert.deepEqual(nodesOf(blocks), wholeOf(part), part);
  }
  assert.deepEqual(tagsOf(nodesOf(text.update(source, lex, false))), tags);
});

test("blocks that did not change are the same objects, also when the text is complete", () => {
  const text = new GrowingText();
  const first = text.update("one\n\ntwo\n\nthree\n\nfo", lex, false);
  const second = text.update("one\n\ntwo\n\nthree\n\nfour", lex, false);
  assert.deepEqual(
    second.map((block, index) => block === first[index]),
    [true, true, true, true, true, true, false],
  );
  const last = text.update("one\n\ntwo\n\nthree\n\nfour", lex, true);
  assert.ok(last.every((block, index) => block === second[index]));
});

test("a complete text has the links that are defined below their use", () => {
  const text = new GrowingText();
  const source = "[a][b]\n\nc\n\nd\n\n[b]: https://kaiwa.test";
  for (const _ of growing(text, source, 1));
  assert.deepEqual(inShort(text.update(source, lex, true)[0].node), ["p", ["a", "a"]]);
});

for (const [place, definition] of Object.entries({
  "a paragraph's place": "[b]: https://kaiwa.test 'a title'\n\n",
  "a list": "- one\n\n  [b]: https://kaiwa.test\n- two\n- three\n- four\n\n",
  "a quote": "> [b]: https://kaiwa.test\n\n",
  "two places": "[b]: https://kaiwa.test\n\n[b]: https://other.test\n\n",
})) {
  test(`a link that is defined far above in ${place} is one while the text grows`, () => {
    const source = `${definition}c\n\nd\n\ne\n\nf\n\na [link][b] and [b]\n\n- [b]\n- x\n- y\n- [b]`;
    for (const [part, blocks] of growing(new GrowingText(), source, 2)) {
      assert.deepEqual(nodesOf(blocks), wholeOf(part), JSON.stringify(part));
    }
  });
}

test("a text that is replaced is parsed again", () => {
  const text = new GrowingText();
  text.update("one\n\ntwo\n\nthree\n\nfour", lex, false);
  const blocks = text.update("other\n\ntwo", lex, false);
  assert.deepEqual(nodesOf(blocks).map(inShort), [
    ["p", "other"],
    ["p", "two"],
  ]);
});

test("a text of nothing but definitions is shown as it is written", () => {
  assert.deepEqual(wholeOf("[b]: https://kaiwa.test").map(inShort), [
    ["p", "[b]: https://kaiwa.test"],
  ]);
});

test("line ends of every kind are one", () => {
  assert.deepEqual(wholeOf("- a\r\n- b\rc").map(inShort), wholeOf("- a\n- b\nc").map(inShort));
});

test("an answer of 8,000 characters in 400 pieces is parsed less than ten times in all", () => {
  const source = ANSWER.repeat(Math.ceil(8000 / ANSWER.length)).slice(0, 8000);
  let parsed = 0;
  const counting = (part, links) => {
    parsed += part.length;
    return lex(part, links);
  };
  const text = new GrowingText();
  for (let end = 20; end <= source.length; end += 20) {
    text.update(source.slice(0, end), counting, false);
  }
  assert.ok(parsed < 10 * source.length, `${parsed / source.length} times`);
});

describe("hostile input", () => {
  const CHARS = 8000;
  /** Each takes 1 to 15 ms. */
  const MOST_MS = 1000;
  const repeated = (/** @type {string} */ piece) => piece.repeat(Math.floor(CHARS / piece.length));

  for (const piece of [
    "[",
    "![",
    "[a](",
    "*a **a ",
    "_a __",
    "`",
    "`a``",
    "<",
    "<a ",
    "> ",
    "- ",
    "  * a\n",
    "|",
    "a|\n",
    "~",
    "#",
    "&",
    "\\",
    "\n",
    "[a]: b\n",
    "<!--",
    "```\n",
    "1) ",
    "*",
    "[^",
    "あ**い",
  ]) {
    test(`of ${JSON.stringify(piece)} takes no time to speak of`, () => {
      const source = repeated(piece);
      const startedAt = performance.now();
      const nodes = wholeOf(source);
      assert.ok(performance.now() - startedAt < MOST_MS);
      assert.ok(Array.isArray(nodes));
    });
  }

  test("longer than any answer is shown as it is written", () => {
    const source = "*a* ".repeat(MOST_MARKDOWN_CHARS);
    const [node] = wholeOf(source);
    assert.deepEqual([node.tag, node.children], ["p", [source]]);
    assert.equal(textIn([node]), source);
  });

  test("of a long rule is none", () => {
    assert.deepEqual(wholeOf("-".repeat(200)).map(inShort), [["hr"]]);
  });

  test("that overflows the parser's stack is shown as it is written", () => {
    const overflowing = () => {
      throw new RangeError("Maximum call stack size exceeded");
    };
    const [block] = new GrowingText().update("> > > a", overflowing, true);
    assert.deepEqual(inShort(block.node), ["p", "> > > a"]);
  });
});
