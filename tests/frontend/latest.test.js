import assert from "node:assert/strict";
import { test } from "node:test";
import { Latest } from "../../frontend/latest.js";

test("only the newest signal is not aborted", () => {
  const latest = new Latest();
  const [first, second] = [latest.next(), latest.next()];
  assert.deepEqual([first.aborted, second.aborted], [true, false]);
  assert.equal(latest.signal, second);
});

test("cancel() aborts the newest signal, and a later task has its own", () => {
  const latest = new Latest();
  const first = latest.next();
  latest.cancel();
  latest.cancel();
  assert.equal(first.aborted, true);
  assert.equal(latest.next().aborted, false);
});

test("before the first task there is a signal, which the first task aborts", () => {
  const latest = new Latest();
  const { signal } = latest;
  assert.equal(signal.aborted, false);
  latest.next();
  assert.equal(signal.aborted, true);
});

test("a late answer is distinguished from the current one", async () => {
  const latest = new Latest();
  const shown = [];
  const load = async (answer) => {
    const signal = latest.next();
    const value = await answer;
    if (!signal.aborted) shown.push(value);
  };
  const { promise: slow, resolve } = (() => {
    const made = {};
    made.promise = new Promise((done) => Object.assign(made, { resolve: done }));
    return made;
  })();
  const loads = [load(slow), load(Promise.resolve("second"))];
  resolve("first");
  await Promise.all(loads);
  assert.deepEqual(shown, ["second"]);
});

test("a signal ends the event listeners of an outdated task", () => {
  const latest = new Latest();
  const target = new EventTarget();
  let count = 0;
  const listener = () => {
    count += 1;
  };
  target.addEventListener("ping", listener, { signal: latest.next() });
  target.dispatchEvent(new Event("ping"));
  latest.next();
  target.dispatchEvent(new Event("ping"));
  assert.equal(count, 1);
});
