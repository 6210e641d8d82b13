import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { blockOf, MOST_NESTED } from "../../../frontend/markdown/nodes.js";
import { elementsIn, inShort, lex, textIn } from "./markdown.js";

const blocksOf = (source) => lex(source).map(blockOf).filter(Boolean);
const shortOf = (source) => blocksOf(source).map(inShort);

describe("Markdown becomes elements", () => {
  for (const [name, source, expected] of [
    [
      "paragraphs",
      "one\n\ntwo",
      [
        ["p", "one"],
        ["p", "two"],
      ],
    ],
    ["line breaks", "one\ntwo", [["p", "one", ["br"], "two"]]],
    [
      "headings, below the page's own",
      "# A\n###### B",
      [
        ["h2", "A"],
        ["h6", "B"],
      ],
    ],
    ["emphasis", "*a* **b** ~~c~~", [["p", ["em", "a"], " ", ["strong", "b"], " ", ["del", "c"]]]],
    ["inline code, as it is written", "`<b> &lt;`", [["p", ["code", "<b> &lt;"]]]],
    ["lists", "- a\n- b", [["ul", ["li", "a"], ["li", "b"]]]],
    ["lists in lists", "1. a\n   - b", [["ol", ["li", "a", ["ul", ["li", "b"]]]]]],
    ["lists with paragraphs", "- a\n\n- b", [["ul", ["li", ["p", "a"]], ["li", ["p", "b"]]]]],
    ["tasks", "- [x] a\n- [ ] b", [["ul", ["li", "☑ a"], ["li", "☐ b"]]]],
    ["code", "```js\n<b>*a*\n```", [["pre", ["code", "<b>*a*"]]]],
    ["code without an end", "```\na\n\nb", [["pre", ["code", "a\n\nb"]]]],
    ["quotes", "> a\n>\n> > b", [["blockquote", ["p", "a"], ["blockquote", ["p", "b"]]]]],
    ["rules", "a\n\n---", [["p", "a"], ["hr"]]],
    [
      "tables",
      "| a | b |\n|---|--:|\n| *c* | d<br>e |",
      [
        [
          "div",
          [
            "table",
            ["thead", ["tr", ["th", "a"], ["th", "b"]]],
            ["tbody", ["tr", ["td", ["em", "c"]], ["td", "d", ["br"], "e"]]],
          ],
        ],
      ],
    ],
    ["escapes", "\\*a\\* &amp; &#39;b&#x27; &nope;", [["p", "*a* & 'b' &nope;"]]],
    ["Japanese emphasis", "これは**重要**です。", [["p", "これは", ["strong", "重要"], "です。"]]],
    ["nothing from definitions", "[a]: https://kaiwa.test", []],
  ]) {
    test(name, () => assert.deepEqual(shortOf(source), expected));
  }

  test("a numbered list begins where the answer does", () => {
    assert.deepEqual(blocksOf("3. a")[0].attributes, { start: "3", dir: "auto" });
    assert.deepEqual(blocksOf("1. a")[0].attributes, { dir: "auto" });
  });

  test("the language of code is one word", () => {
    const languageOf = (info) =>
      blocksOf(`\`\`\`${info}\na\n\`\`\``)[0].attributes["data-language"];
    assert.equal(languageOf("js title=x"), "js");
    assert.equal(languageOf(""), undefined);
    assert.equal(languageOf("x".repeat(1000)).length, 30);
  });

  test("cells have the alignment of their column", () => {
    const cells = elementsIn(blocksOf("| a | b |\n|---|--:|\n| c | d |"));
    const aligned = cells.filter(({ attributes }) => attributes["data-align"] === "right");
    assert.deepEqual(aligned.map(inShort), [
      ["th", "b"],
      ["td", "d"],
    ]);
  });
});

describe("links", () => {
  const linksIn = (source) => elementsIn(blocksOf(source)).filter(({ tag }) => tag === "a");

  test("open in a tab of their own and say where they lead", () => {
    const [link] = linksIn("[a *b*](https://kaiwa.test/?a=1&amp;b=2)");
    assert.deepEqual(inShort(link), ["a", "a ", ["em", "b"]]);
    assert.deepEqual(link.attributes, {
      href: "https://kaiwa.test/?a=1&b=2",
      title: "https://kaiwa.test/?a=1&b=2",
      target: "_blank",
      rel: "noopener noreferrer",
    });
  });

  for (const [name, source, href, text] of [
    [
      "that are written as such",
      "<https://kaiwa.test>",
      "https://kaiwa.test/",
      "https://kaiwa.test",
    ],
    ["that are bare", "see https://kaiwa.test/a.", "https://kaiwa.test/a", "https://kaiwa.test/a"],
    ["defined elsewhere", "[a][b]\n\n[b]: https://kaiwa.test", "https://kaiwa.test/", "a"],
    ["to mail", "<a@kaiwa.test>", "mailto:a@kaiwa.test", "a@kaiwa.test"],
    ["in place of images", "![a](https://kaiwa.test/a.png)", "https://kaiwa.test/a.png", "a"],
    ["of unnamed images", "![](https://kaiwa.test/)", "https://kaiwa.test/", "https://kaiwa.test/"],
  ]) {
    test(name, () => {
      const [link] = linksIn(source);
      assert.deepEqual([link.attributes.href, textIn([link])], [href, text]);
    });
  }

  for (const source of [
    "[a](javascript:alert(1))",
    "[a](<java\tscript:alert(1)>)",
    "[a](javascript&#58;alert&#40;1&#41;)",
    "[a](&#106;avascript:alert(1))",
    "<javascript:alert(1)>",
    "![a](data:image/svg+xml;base64,AAAA)",
    "[a](/api/auth/logout/)",
    "![a](//evil.example/a.png)",
  ]) {
    test(`not ${source}`, () => {
      assert.deepEqual(linksIn(source), []);
      assert.equal(textIn(blocksOf(source)), source);
    });
  }

  test("not those that are only defined as such", () => {
    assert.deepEqual(linksIn("[a][b]\n\n[b]: javascript:alert(1)"), []);
  });
});

describe("HTML is text", () => {
  for (const source of [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "a <b onmouseover=alert(1)>b</b>",
    "<svg/onload=alert(1)>",
    "<!-- a -->",
    "<style>* { display: none }</style>",
    "<details><summary>a</summary>b</details>",
    '<a href="javascript:alert(1)">a</a>',
    "</div></li></ol>",
    "<br onclick=alert(1)>",
  ]) {
    test(source, () => {
      const blocks = blocksOf(source);
      assert.deepEqual([...new Set(elementsIn(blocks).map(({ tag }) => tag))], ["p"]);
      assert.equal(textIn(blocks), source);
    });
  }
});

const ATTRIBUTES = ["class", "data-align", "data-language", "dir", "href", "rel", "scope", "start"];

test("no text makes another element or attribute", () => {
  const hostile = [
    '```"><script>alert(1)</script>\na\n```',
    '[a](https://kaiwa.test "onclick=alert(1)")',
    '![" onerror="alert(1)](https://kaiwa.test/"onerror="a)',
    "| <script> | b |\n|---|---|\n| [a](javascript:a) | `</code>` |",
    "# <img src=x onerror=alert(1)>",
    "- <iframe srcdoc=a>\n\n  > <object>",
  ].join("\n\n");
  const found = elementsIn(blocksOf(hostile));
  const attributes = new Set(found.flatMap((element) => Object.keys(element.attributes)));
  assert.deepEqual(
    [...attributes].filter((name) => ![...ATTRIBUTES, "target", "title"].includes(name)),
    [],
  );
  assert.ok(found.every(({ tag }) => !["script", "img", "iframe", "object"].includes(tag)));
  const classes = found.map((element) => element.attributes.class).filter(Boolean);
  assert.deepEqual([...new Set(classes)], ["table"]);
});

test("marks that change the direction of text stay in their block", () => {
  const [first, second] = blocksOf("\u202eabc\u2066\n\nدقيقة **مهمة**");
  assert.deepEqual(inShort(first), ["p", "\u202eabc\u2066"]);
  assert.deepEqual([first.attributes.dir, second.attributes.dir], ["auto", "auto"]);
  assert.equal(blocksOf("```\n\u202eabc\n```")[0].attributes.dir, "ltr");
});

test("what is nested too deeply is shown as its source", () => {
  const [block] = blocksOf(`${"> ".repeat(100)}deep`);
  const depthOf = (node) =>
    typeof node === "string" ? 0 : 1 + Math.max(0, ...node.children.map(depthOf));
  assert.equal(depthOf(block), MOST_NESTED);
  assert.match(textIn([block]), /^(> )+deep$/);
});
