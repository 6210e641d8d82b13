import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { DEBOUNCE_MS, OtherTabs } from "../../../frontend/page/other-tabs.js";
import { recorder } from "../equipment.js";

let channel;
let window;
let document;
let delegate;

/** An OtherTabs whose browser is a fake. */
function make(openChannel = () => channel) {
  channel = Object.assign(new EventTarget(), recorder("postMessage"));
  window = new EventTarget();
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  delegate = recorder("exchangeFinished", "cameBack");
  const { signal } = new AbortController();
  return new OtherTabs({ openChannel, window, document, signal }, delegate);
}

const receive = (data) => channel.dispatchEvent(new MessageEvent("message", { data }));

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("a report to the other tabs names the session, and has no words", () => {
  make().report("s1");
  assert.deepEqual(channel.calls, [
    ["postMessage", { kind: "exchange_finished", sessionId: "s1" }],
  ]);
});

test("exchanges of other tabs are reported soon, each session once", () => {
  make();
  for (const sessionId of ["s1", "s2", "s1"]) receive({ kind: "exchange_finished", sessionId });
  assert.deepEqual(delegate.calls, []);
  mock.timers.tick(DEBOUNCE_MS);
  assert.deepEqual(delegate.calls, [
    ["exchangeFinished", "s1"],
    ["exchangeFinished", "s2"],
  ]);
  receive({ kind: "exchange_finished", sessionId: "s1" });
  mock.timers.tick(DEBOUNCE_MS);
  assert.equal(delegate.calls.length, 3);
});

test("a hidden page reports the exchanges of other tabs when it is shown", () => {
  make();
  document.visibilityState = "hidden";
  receive({ kind: "exchange_finished", sessionId: "s1" });
  mock.timers.tick(DEBOUNCE_MS);
  assert.deepEqual(delegate.calls, []);
  document.visibilityState = "visible";
  document.dispatchEvent(new Event("visibilitychange"));
  mock.timers.tick(DEBOUNCE_MS);
  assert.deepEqual(delegate.calls, [["exchangeFinished", "s1"], ["cameBack"]]);
});

test("messages of another kind are ignored", () => {
  make();
  for (const data of [null, "s1", {}, { kind: "other", sessionId: "s1" }]) receive(data);
  receive({ kind: "exchange_finished", sessionId: 1 });
  mock.timers.tick(DEBOUNCE_MS);
  assert.deepEqual(delegate.calls, []);
});

test("a page that becomes visible and gets the focus has come back once", () => {
  make();
  document.dispatchEvent(new Event("visibilitychange"));
  mock.timers.tick(DEBOUNCE_MS - 1);
  window.dispatchEvent(new Event("focus"));
  mock.timers.tick(DEBOUNCE_MS - 1);
  assert.deepEqual(delegate.calls, []);
  mock.timers.tick(1);
  assert.deepEqual(delegate.calls, [["cameBack"]]);
});

test("a page that is hidden has not come back", () => {
  make();
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  mock.timers.tick(DEBOUNCE_MS);
  assert.deepEqual(delegate.calls, []);
});

test("where the browser allows no channel, the page works without", () => {
  const otherTabs = make(() => {
    throw new DOMException("planned", "SecurityError");
  });
  otherTabs.report("s1");
  window.dispatchEvent(new Event("focus"));
  mock.timers.tick(DEBOUNCE_MS);
  assert.deepEqual(delegate.calls, [["cameBack"]]);
});
