import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { SoundOutput } from "../../../frontend/audio/sound-output.js";

/** A context whose clock and permission the test sets. */
class FakeContext extends EventTarget {
  state = "running";
  currentTime = 0;
  isAllowed = true;
  asked = 0;

  async resume() {
    this.asked += 1;
    if (!this.isAllowed) throw new DOMException("", "NotAllowedError");
    this.enter("running");
  }

  enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }
}

// Missing in node 20.
globalThis.navigator ??= {};

let context;
let changes;
let ending;
let output;

beforeEach(() => {
  mock.timers.enable({ apis: ["setInterval"] });
  globalThis.document = new EventTarget();
  context = new FakeContext();
  changes = [];
  ending = new AbortController();
  output = new SoundOutput({ context, onChange: (isBlocked) => changes.push(isBlocked) });
  output.watch(ending.signal);
});

afterEach(() => {
  ending.abort();
  mock.timers.reset();
  delete globalThis.document;
});

/** Let time pass; the context's clock moves unless it stands still. */
function pass(ms, { isStill = context.state !== "running" } = {}) {
  for (let passed = 0; passed < ms; passed += 250) {
    if (!isStill) context.currentTime += 0.25;
    mock.timers.tick(250);
  }
}

const refuse = () => {
  context.isAllowed = false;
  context.enter("suspended");
};

test("a context that runs is not reported", () => {
  pass(5000);
  assert.deepEqual(changes, []);
});

test("a context that is not allowed to run is reported once, and again when it runs", () => {
  refuse();
  pass(1000);
  assert.deepEqual(changes, []);
  pass(5000);
  assert.deepEqual(changes, [true]);
  context.isAllowed = true;
  output.resume();
  pass(250);
  assert.deepEqual(changes, [true, false]);
});

test("a clock that stands still without a device counts, whatever the state says", () => {
  pass(1250, { isStill: true });
  assert.deepEqual(changes, [true]);
  context.state = "suspended";
  pass(250, { isStill: false });
  assert.deepEqual(changes, [true, false]);
});

test("a context that is suspended is resumed at once", () => {
  context.enter("suspended");
  assert.deepEqual([context.asked, context.state], [1, "running"]);
  pass(5000);
  assert.deepEqual(changes, []);
});

test("every gesture and the return to the page try again", () => {
  refuse();
  const before = context.asked;
  for (const type of ["pointerdown", "pointerup", "touchend", "click", "keydown"]) {
    document.dispatchEvent(new Event(type));
    document.dispatchEvent(new Event(type));
  }
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(context.asked - before, 11);
});

test("a context that runs, is closed or is not watched any more is left alone", () => {
  document.dispatchEvent(new Event("click"));
  context.state = "closed";
  document.dispatchEvent(new Event("click"));
  assert.equal(context.asked, 0);
  ending.abort();
  context.state = "suspended";
  document.dispatchEvent(new Event("click"));
  pass(5000);
  assert.deepEqual([context.asked, changes], [0, []]);
});
