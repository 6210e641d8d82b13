import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const SOURCE = read("frontend/theme.js");

/** Run the script in a page of its own, whose system is dark or light. */
function pageWith({ stored = null, isDark = false, isForbidden = false } = {}) {
  const attributes = {};
  const elements = Object.fromEntries(
    ["color-scheme", "theme-color"].map((id) => [
      id,
      { setAttribute: (_, content) => Object.assign(attributes, { [id]: content }) },
    ]),
  );
  const root = { setAttribute: (name, value) => Object.assign(attributes, { [name]: value }) };
  const system = Object.assign(new EventTarget(), { matches: isDark });
  const window = Object.assign(new EventTarget(), { matchMedia: () => system });
  const page = {
    attributes,
    system,
    window,
    stored,
    shown: () => [attributes["data-theme"], attributes["color-scheme"], attributes["theme-color"]],
  };
  const localStorage = {
    getItem: () => {
      if (isForbidden) throw new Error("denied");
      return page.stored;
    },
  };
  const document = { documentElement: root, getElementById: (id) => elements[id] };
  runInContext(SOURCE, createContext({ window, document, localStorage }));
  return page;
}

const LIGHT = ["light", "light", "#f7f4ed"];
const DARK = ["dark", "dark", "#14171d"];

test("the chosen theme is shown, else that of the system", () => {
  const preferred = (theme) => JSON.stringify({ theme });
  for (const isDark of [false, true]) {
    assert.deepEqual(pageWith({ stored: preferred("light"), isDark }).shown(), LIGHT);
    assert.deepEqual(pageWith({ stored: preferred("dark"), isDark }).shown(), DARK);
    for (const stored of [null, preferred(""), preferred("pink"), "null", "no json"]) {
      assert.deepEqual(pageWith({ stored, isDark }).shown(), isDark ? DARK : LIGHT, stored);
    }
    assert.deepEqual(pageWith({ isForbidden: true, isDark }).shown(), isDark ? DARK : LIGHT);
  }
});

test("a change of the system is followed, unless a theme was chosen", () => {
  const page = pageWith();
  page.system.matches = true;
  page.system.dispatchEvent(new Event("change"));
  assert.deepEqual(page.shown(), DARK);
  page.window.chooseTheme("light");
  page.system.dispatchEvent(new Event("change"));
  assert.deepEqual(page.shown(), LIGHT);
  page.window.chooseTheme("");
  assert.deepEqual(page.shown(), DARK);
});

test("the choice in another tab is followed", () => {
  const page = pageWith();
  page.stored = '{"theme":"dark"}';
  page.window.dispatchEvent(Object.assign(new Event("storage"), { key: "kaiwa.token" }));
  assert.deepEqual(page.shown(), LIGHT);
  page.window.dispatchEvent(Object.assign(new Event("storage"), { key: "kaiwa.preferences" }));
  assert.deepEqual(page.shown(), DARK);
});

test("the colours of the browser's bars are those of the page", () => {
  const papers = [...read("frontend/styles.css").matchAll(/--paper: (#\w+);/g)];
  assert.deepEqual(
    papers.map(([, colour]) => colour),
    [LIGHT[2], DARK[2]],
  );
  assert.match(
    read("frontend/index.html"),
    /id="theme-color" name="theme-color" content="#f7f4ed"/,
  );
});
