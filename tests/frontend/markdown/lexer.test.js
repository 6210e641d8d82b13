import assert from "node:assert/strict";
import { test } from "node:test";

import { LazyLexer } from "../../../frontend/markdown/lexer.js";

test("the parser is loaded once, when it is first needed", async () => {
  let loads = 0;
  const lexer = new LazyLexer(async () => {
    loads += 1;
    return {
      Lexer: class {
        tokens = { links: {} };
        lex = (source) => [{ type: "text", raw: source, text: source }];
      },
    };
  });
  assert.deepEqual([lexer.lex, loads], [null, 0]);
  assert.deepEqual(await Promise.all([lexer.load(), lexer.load()]), [true, true]);
  assert.equal(loads, 1);
  assert.equal(lexer.lex("a")[0].text, "a");
});

test("a parser that could not be loaded is tried again", async () => {
  const results = [
    () => Promise.reject(new TypeError("offline")),
    async () => ({ Lexer: class {} }),
  ];
  const lexer = new LazyLexer(() => results.shift()());
  assert.equal(await lexer.load(), false);
  assert.equal(lexer.lex, null);
  assert.equal(await lexer.load(), true);
  assert.notEqual(lexer.lex, null);
});

test("the vendored parser reads lists, and keeps line breaks", async () => {
  const lexer = new LazyLexer();
  await lexer.load();
  assert.deepEqual(
    lexer.lex("- a\n- b\n").map(({ type }) => type),
    ["list"],
  );
  assert.deepEqual(
    lexer.lex("a\nb")[0].tokens.map(({ type }) => type),
    ["text", "br", "text"],
  );
});
