import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";

const ROOT = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, ROOT), "utf8");
const SOURCE = read("frontend/start.js");
/** The table of the script itself. */
const NEEDED = [...SOURCE.matchAll(/^ {4}"([\w.]+)",/gm)].map(([, path]) => path);
const ORIGIN = "https://kaiwa.test";

/** An element, as far as the script uses it. */
class FakeElement extends EventTarget {
  attributes = new Map();
  focused = 0;

  getAttribute(name) {
    return this.attributes.get(name) ?? null;
  }

  setAttribute(name, value) {
    this.attributes.set(name, value);
  }

  hasAttribute(name) {
    return this.attributes.has(name);
  }

  removeAttribute(name) {
    this.attributes.delete(name);
  }

  focus() {
    this.focused += 1;
  }
}

/** What stands for the links in the template of index.html. */
const TALK_MODULES = Symbol("the modules of the talk screen");

/** Run the script in a page of its own. `change` is run before it, in that page. */
function startPage(change = "", { hasTalkModules = false } = {}) {
  const ids = [
    "start",
    "starting-screen",
    "starting-retry",
    "sign-in-screen",
    "talk-screen",
    "reload",
  ];
  const elements = Object.fromEntries(ids.map((id) => [id, new FakeElement()]));
  elements.start.setAttribute("data-src", "/static/1/app-realtime.js");
  elements["starting-retry"].setAttribute("hidden", "");
  elements.reload.form = new FakeElement();
  if (hasTalkModules) elements["talk-modules"] = { content: TALK_MODULES };
  const body = new FakeElement();
  body.setAttribute("data-screen", "starting");
  const scripts = [];
  let reloads = 0;
  const page = new EventTarget();
  /** A class of the browser with these attributes of its elements, which throw on the prototype. */
  const classWith = (...names) => {
    const made = class {};
    for (const name of names) {
      Object.defineProperty(made.prototype, name, {
        configurable: true,
        get() {
          throw new TypeError("Illegal invocation");
        },
      });
    }
    return made;
  };
  const scope = createContext({
    AbortSignal,
    Element: Object.assign(classWith("ariaPressed"), {}),
    HTMLDialogElement: class {
      showModal() {}
    },
    HTMLElement: classWith("inert"),
    HTMLScriptElement: classWith("noModule"),
    ReadableStream,
    ResizeObserver: class {},
    WebSocket: class {},
    fetch: () => {},
    location: {
      protocol: "https:",
      host: "kaiwa.test",
      reload: () => {
        reloads += 1;
      },
    },
    document: {
      body,
      head: { appendChild: (script) => scripts.push(script) },
      createElement: () => ({}),
      getElementById: (id) => elements[id],
    },
    addEventListener: page.addEventListener.bind(page),
  });
  runInContext(
    "globalThis.window = globalThis; Element.prototype.replaceChildren = () => {};",
    scope,
  );
  // The page's own AbortSignal, so that the test's stays whole.
  runInContext("AbortSignal = { timeout() {}, prototype: { throwIfAborted() {} } }", scope);
  runInContext(change, scope);
  runInContext(SOURCE, scope);
  return {
    body,
    elements,
    scripts,
    screen: () => body.getAttribute("data-screen"),
    reloads: () => reloads,
    fail: (type, details) => page.dispatchEvent(Object.assign(new Event(type), details)),
  };
}

test("in a browser that has everything it loads the page, and shows nothing", () => {
  const page = startPage();
  assert.deepEqual(
    page.scripts.map(({ type, src }) => [type, src]),
    [["module", "/static/1/app-realtime.js"]],
  );
  assert.equal(page.screen(), "starting");
});

test("with a stored login it begins to load the talk screen too", () => {
  const stored = (token) =>
    `localStorage = { getItem: (key) => (key === "kaiwa.token" ? "${token}" : "other") };`;
  for (const [change, options, isLoaded] of [
    [stored("some-token"), { hasTalkModules: true }, true],
    [stored(""), { hasTalkModules: true }, false],
    // The page of direct sessions has no such template.
    [stored("some-token"), {}, false],
    ["", { hasTalkModules: true }, false],
    [
      "localStorage = { getItem() { throw new Error('blocked'); } };",
      { hasTalkModules: true },
      false,
    ],
  ]) {
    const { scripts } = startPage(change, options);
    assert.equal(scripts.length, isLoaded ? 2 : 1, change);
    assert.equal(scripts.includes(TALK_MODULES), isLoaded, change);
  }
});

test("the login is stored under the key that the page uses", () => {
  const [, key] = /TOKEN_KEY = ("[\w.]+")/.exec(SOURCE);
  assert.ok(read("frontend/storage/local-store.js").includes(key));
});

test("the table is read by this test", () => {
  assert.ok(NEEDED.length > 15);
  assert.ok(NEEDED.includes("Array.prototype.toReversed"));
});

for (const path of NEEDED) {
  test(`without ${path} it loads nothing and says that the browser is too old`, () => {
    for (const change of [
      `delete ${path};`,
      `Object.defineProperty(${path.replace(/\.?(\w+)$/, "") || "globalThis"}, "${path.split(".").at(-1)}", { value: undefined });`,
    ]) {
      const page = startPage(change);
      assert.deepEqual([page.screen(), page.scripts], ["unsupported", []], change);
      assert.equal(page.elements.reload.focused, 1);
    }
  });
}

test("in a browser without its holder either, too", () => {
  for (const change of ["delete globalThis.Intl", "delete globalThis.HTMLDialogElement"]) {
    assert.equal(startPage(change).screen(), "unsupported", change);
  }
});

test("without the patterns that answers are read with, too", () => {
  const page = startPage("RegExp = function () { throw new SyntaxError('invalid group'); }");
  assert.deepEqual([page.screen(), page.scripts], ["unsupported", []]);
});

test("what the page does without is not needed", () => {
  const page = startPage(
    "delete Promise.withResolvers; delete AbortSignal.any; delete Intl.Segmenter; delete globalThis.AudioContext;",
  );
  assert.equal(page.scripts.length, 1);
});

const OURS = { filename: `${ORIGIN}/static/1/app-realtime.js`, message: "TypeError: x is null" };

test("an exception in the start, a rejection, and a module that does not come are shown", () => {
  for (const happen of [
    (page) => page.fail("error", OURS),
    (page) => page.fail("unhandledrejection", { reason: new Error("no") }),
    (page) => page.scripts[0].onerror(),
  ]) {
    const page = startPage();
    happen(page);
    assert.equal(page.screen(), "failed");
    assert.equal(page.elements["starting-screen"].hasAttribute("hidden"), false);
    assert.equal(page.elements["talk-screen"].hasAttribute("hidden"), true);
    assert.equal(page.elements.reload.focused, 1);
  }
});

test("once the page shows something, or says why not, an exception changes nothing", () => {
  for (const screen of ["sign-in", "talk"]) {
    const page = startPage();
    page.body.setAttribute("data-screen", screen);
    page.fail("error", OURS);
    assert.equal(page.screen(), screen);
  }
  const page = startPage();
  page.elements["starting-retry"].removeAttribute("hidden");
  page.fail("unhandledrejection", {});
  assert.equal(page.screen(), "starting");
});

test("errors of extensions, and of the browser's own, are not the page's", () => {
  const page = startPage();
  page.fail("error", { filename: "chrome-extension://abc/content.js", message: "TypeError" });
  page.fail("error", { filename: "", message: "Script error." });
  page.fail("error", {
    filename: `${ORIGIN}/`,
    message: "ResizeObserver loop completed with undelivered notifications.",
  });
  assert.equal(page.screen(), "starting");
});

test("the button reloads the page, and keeps its address", () => {
  const page = startPage();
  const submitted = new Event("submit", { cancelable: true });
  page.elements.reload.form.dispatchEvent(submitted);
  assert.deepEqual([submitted.defaultPrevented, page.reloads()], [true, 1]);
});

test("it is written for old browsers: no syntax that came after 2009", () => {
  const code = SOURCE.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "").replace(/"[^"\n]*"/g, '""');
  assert.doesNotMatch(
    code,
    /=>|`|\b(?:let|const|class|import|export|async|await|of)\b|\?\.|\?\?|\.\.\./,
  );
  assert.doesNotMatch(code, /catch \{/);
});

test("the floor is stated once, and the same everywhere", () => {
  const floor = /Chrome (?:and|or|または) Edge (\d+).*?Firefox (\d+).*?Safari ([\d.]+\d)/gs;
  const flat = (path) => read(path).replace(/\s*\n\s*(?:\*\s)?/g, " ");
  for (const [path, times] of [
    ["frontend/start.js", 1],
    ["frontend/starting-screen.html", 2],
    ["README.md", 1],
  ]) {
    const found = [...flat(path).matchAll(floor)].map(([, ...versions]) => versions);
    assert.equal(found.length, times, path);
    for (const versions of found) assert.deepEqual(versions, ["111", "119", "16.4"], path);
  }
});
