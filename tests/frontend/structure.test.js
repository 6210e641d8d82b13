/** The tests mirror the modules, and the page loads every module. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);
const filesIn = (folder, ending) =>
  readdirSync(new URL(folder, ROOT), { recursive: true }).filter((name) => name.endsWith(ending));

const MODULES = filesIn("frontend/", ".js").filter((module) => !module.startsWith("vendor/"));
const TESTS = filesIn("tests/frontend/", ".test.js");

/** Modules without a test of their name, each with its reason. A folder ends with a slash. */
const TESTED_ELSEWHERE = {
  "app-realtime.js": "the composition root; the page's journeys start it",
  "direct-realtime.js": "the composition root of /openai-realtime; its journeys start it",
  "talk-screen.js": "the composition root of the talk screen; the page's journeys use it",
  "direct/views/": "DOM elements; the page's journeys drive them in a real browser",
  "views/": "DOM elements; the page's journeys drive them in a real browser",
};
/** Tests that are about no single module. */
const ABOUT_ALL = ["structure.test.js", "vendor.test.js"];

const isTestedElsewhere = (module) =>
  Object.keys(TESTED_ELSEWHERE).some((path) =>
    path.endsWith("/") ? module.startsWith(path) : module === path,
  );

test("every module has a test of its name", () => {
  const missing = MODULES.filter((module) => !isTestedElsewhere(module))
    .map((module) => module.replace(/\.js$/, ".test.js"))
    .filter((name) => !TESTS.includes(name));
  assert.deepEqual(missing, []);
});

test("every test has a module of its name", () => {
  const lost = TESTS.filter((name) => !ABOUT_ALL.includes(name))
    .map((name) => name.replace(/\.test\.js$/, ".js"))
    .filter((module) => !MODULES.includes(module));
  assert.deepEqual(lost, []);
});

test("the exceptions still exist", () => {
  for (const path of Object.keys(TESTED_ELSEWHERE)) {
    assert.ok(existsSync(new URL(`frontend/${path}`, ROOT)), path);
  }
});

/** The pages, with the modules that start them. */
const PAGES = { "index.html": "app-realtime.js", "openai-realtime.html": "direct-realtime.js" };
const IMPORT = /^(?:import|export)\b[^"';]*?from "(\.[^"]+)";|\bimport\("(\.[^"]+)"\)/gm;

/** The modules that a module needs, itself included; those that it loads later too, unless `isAtOnce`. */
function neededBy(root, { isAtOnce = false } = {}) {
  const found = new Set();
  const waiting = [root];
  for (const module of waiting) {
    if (found.has(module)) continue;
    found.add(module);
    const code = readFileSync(new URL(`frontend/${module}`, ROOT), "utf8");
    for (const [, fixed, dynamic] of code.matchAll(IMPORT)) {
      const base = new URL(module, "file:///");
      const path = isAtOnce ? fixed : (fixed ?? dynamic);
      if (path) waiting.push(new URL(path, base).pathname.slice(1));
    }
  }
  return [...found].filter((module) => !module.startsWith("vendor/"));
}

for (const [page, root] of Object.entries(PAGES)) {
  test(`${page} preloads every module that it imports, so that none waits for another`, () => {
    const html = readFileSync(new URL(`frontend/${page}`, ROOT), "utf8");
    const named = [
      ...html.matchAll(
        /(?:modulepreload" href|id="start" src|id="theme" src)="\/static\/\{\{ release \}\}\/([^"]+)"/g,
      ),
    ];
    const paths = named.map(([, path]) => path);
    const expected = ["start.js", "theme.js", ...neededBy(root, { isAtOnce: true })];
    assert.deepEqual(
      expected.filter((module) => !paths.includes(module)),
      [],
    );
    const needed = ["start.js", "theme.js", ...neededBy(root)];
    assert.deepEqual(
      paths.filter((module, index) => !needed.includes(module) || paths.indexOf(module) < index),
      [],
    );
  });
}

test("every module is needed by a page", () => {
  const needed = new Set(Object.values(PAGES).flatMap((root) => neededBy(root)));
  // The audio thread loads its worklets by itself, and the HTML names these two.
  const isLoadedOtherwise = (name) =>
    name.endsWith("-worklet.js") || ["start.js", "theme.js"].includes(name);
  const unused = MODULES.filter((name) => !needed.has(name) && !isLoadedOtherwise(name));
  assert.deepEqual(unused, []);
});

/** What is newer than the floor that start.js checks, and easily used by mistake. tsconfig.json leaves out
 * ES2024 too. */
const TOO_NEW = [
  /\bPromise\.(?:withResolvers|try)\b/,
  /\bAbortSignal\.any\b/,
  /\bURL\.(?:canParse|parse)\b/,
  /\b(?:Array\.fromAsync|Object\.groupBy|Map\.groupBy|RegExp\.escape|Iterator\.from)\b/,
  /\.(?:isSubsetOf|isSupersetOf|symmetricDifference|checkVisibility|moveBefore|togglePopover)\(/,
  /\.(?:values|keys|entries)\(\)\.(?:map|filter|find|some|every|take|drop|toArray|reduce|forEach)\(/,
  /\bfor await\b/,
  /^\s*(?:await )?using /m,
  /\/[dgimsuy]*v[dgimsuy]*[.,;)]/,
];

test("the page uses nothing that is newer than the browsers it supports", () => {
  const samples = [
    "Promise.withResolvers()",
    "AbortSignal.any([",
    "x.values().map(",
    "/[a--b]/v.test(",
  ];
  for (const sample of samples)
    assert.ok(
      TOO_NEW.some((pattern) => pattern.test(sample)),
      sample,
    );
  for (const module of MODULES) {
    const code = readFileSync(new URL(`frontend/${module}`, ROOT), "utf8").replace(
      /\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm,
      "",
    );
    for (const pattern of TOO_NEW) assert.doesNotMatch(code, pattern, module);
  }
});
