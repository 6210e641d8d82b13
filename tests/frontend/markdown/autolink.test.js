import assert from "node:assert/strict";
import { test } from "node:test";
import { autolinked } from "../../../frontend/markdown/autolink.js";

const links = (text) => {
  const pieces = autolinked(text);
  assert.equal(pieces.map((piece) => piece.text).join(""), text);
  return pieces.filter(({ href }) => href !== null).map((piece) => piece.text);
};

test("addresses become links, and the text stays as it is", () => {
  assert.deepEqual(links("See https://a.example/b?c=d#e and HTTP://b.example, please."), [
    "https://a.example/b?c=d#e",
    "HTTP://b.example",
  ]);
  assert.deepEqual(autolinked("https://a.example"), [
    { text: "https://a.example", href: "https://a.example/" },
  ]);
  assert.deepEqual(autolinked(""), []);
});

test("what belongs to the sentence is no part of the address", () => {
  for (const [text, address] of [
    ["(https://a.example/b).", "https://a.example/b"],
    ["https://a.example/a_(b)", "https://a.example/a_(b)"],
    ["(see https://a.example/a_(b))!", "https://a.example/a_(b)"],
    ["“https://a.example/b”…", "https://a.example/b"],
    ["資料はhttps://a.example/b。ご覧ください", "https://a.example/b"],
    ["「https://a.example/b」です", "https://a.example/b"],
    ["**https://a.example/b**", "https://a.example/b"],
    ["https://a.example/b?!", "https://a.example/b"],
  ]) {
    assert.deepEqual(links(text), [address], text);
  }
});

test("nothing else becomes a link", () => {
  for (const text of [
    "javascript:alert(1)",
    "data:text/html,x",
    "mailto:aki@a.example",
    "ftp://a.example",
    "www.a.example",
    "https://",
    "http://bank.example@evil.example/",
    "xhttps://a.example",
    "/sessions/1",
  ]) {
    assert.deepEqual(links(text), [], text);
  }
});

test("a long text is searched in linear time", () => {
  const text = `https://a.example/${")".repeat(30_000)}`;
  const before = performance.now();
  links(text);
  links("http".repeat(20_000));
  assert.ok(performance.now() - before < 1_000);
});
