import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { BUDGETS_EVERY_MS, DAYS, minutesOf, Usage } from "../../../frontend/page/usage.js";
import { Words } from "../../../frontend/words/i18n.js";
import { deferred, recorder, settle } from "../equipment.js";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const MINUTES = { kind: "minutes", left: 7.5, limit: 30, used: 22.5 };
const MONEY = { kind: "money", left: 1.5, limit: 5, used: 3.5 };
const CALLS = { kind: "calls_per_hour", left: 1, limit: 60, used: 59 };

let api;
let view;
let openId;
let now;
let account;
let usage;

beforeEach(() => {
  api = { usage: deferred(), budgets: deferred() };
  view = recorder("showLine", "open", "showUsage", "showState");
  openId = "a";
  now = NOW;
  account = new AbortController();
  usage = new Usage(
    { api, words: new Words("en", ["en-US"]), now: () => now, view },
    { openId: () => openId, signal: () => account.signal },
  );
});

const talked = (more = {}) => ({
  id: "a",
  cost: "0.0412",
  cost_estimated: false,
  calls: [{ started_at: "2026-11-28T11:57:00Z", ended_at: null }],
  ...more,
});

const line = () => view.calls.findLast(([name]) => name === "showLine")?.[1];

async function answer(index, budgets) {
  api.budgets.calls[index].resolve(budgets);
  await settle();
}

async function answerDialog(budgets) {
  api.usage.calls[0].resolve({ budgets, days: [] });
  await settle();
}

test("the line has the minutes and the cost, and what is left of the tightest budget", async () => {
  usage.sessionRead(talked());
  assert.equal(line(), "3 min · $0.04");
  await answer(0, [MONEY, MINUTES, CALLS]);
  assert.equal(line(), "3 min · $0.04 · 7 min left today");
});

test("a short call is not rounded up to a whole minute", () => {
  const calls = (ended_at) => [{ started_at: "2026-11-28T11:57:00Z", ended_at }];
  usage.sessionRead(talked({ calls: calls("2026-11-28T11:57:30Z") }));
  assert.equal(line(), "0.5 min · $0.04");
  usage.sessionRead(talked({ calls: calls("2026-11-28T11:57:01Z") }));
  assert.equal(line(), "0.1 min · $0.04");
});

test("what is unknown or estimated is shown as such, and nothing as nothing", () => {
  usage.sessionRead(talked({ cost: null, calls: [] }));
  assert.equal(line(), "cost unknown");
  usage.sessionRead(talked({ cost_estimated: true, calls: [] }));
  assert.equal(line(), "≈ $0.04");
  usage.sessionRead(talked({ cost: "0.0000", calls: undefined }));
  assert.equal(line(), "");
});

test("it is of the open conversation only", () => {
  usage.sessionRead(talked({ id: "b" }));
  assert.equal(view.calls.length, 0);
  usage.sessionRead(talked());
  openId = null;
  usage.show();
  assert.equal(line(), "");
});

test("the budgets are requested again after a turn, but not at each", async () => {
  usage.sessionRead(talked());
  usage.sessionRead(talked());
  assert.equal(api.budgets.calls.length, 1);
  api.budgets.calls[0].reject(new ApiError("internal", 500, ""));
  await settle();
  now += BUDGETS_EVERY_MS;
  usage.sessionRead(talked());
  assert.equal(api.budgets.calls.length, 2);
  account.abort();
  await answer(1, [MINUTES]);
  assert.equal(line(), "3.3 min · $0.04");
});

test("the dialog shows the usage, and again in another language", async () => {
  const opening = usage.openDialog();
  assert.deepEqual(view.calls, [["showState", "Loading…"], ["open"]]);
  assert.deepEqual(api.usage.calls[0].args, [DAYS]);
  await answerDialog([MONEY]);
  await opening;
  const shown = () => view.calls.filter(([name]) => name === "showUsage").length;
  assert.equal(shown(), 1);
  usage.show();
  assert.equal(shown(), 2);
});

test("the dialog says why the usage cannot be shown", async () => {
  const opening = usage.openDialog();
  api.usage.calls[0].reject(new ApiError("unavailable", 503, "The server is busy right now."));
  await opening;
  const [, sentence] = view.calls.at(-1);
  assert.match(sentence, /^Your usage could not be loaded\. The server is busy/);
});

test("what comes after the user signed out is not shown", async () => {
  usage.sessionRead(talked());
  const opening = usage.openDialog();
  usage.clear();
  assert.equal(line(), "");
  await answer(0, [MONEY]);
  await answerDialog([MONEY]);
  await opening;
  assert.ok(!view.calls.some(([name]) => name === "showUsage"));
});

test("minutes are those of all calls, and never negative", () => {
  const call = (started_at, ended_at) => ({ started_at, ended_at });
  const calls = [
    call("2026-11-28T10:00:00Z", "2026-11-28T10:01:30Z"),
    call("2026-11-28T12:00:30Z", null),
  ];
  assert.equal(minutesOf({ calls }, NOW), 1.5);
});

test("when a budget's level has changed, what is left is read at once", async () => {
  usage.sessionRead(talked());
  await answer(0, [MINUTES]);
  usage.budgetChanged();
  await answer(1, [{ ...MINUTES, left: 2.2, used: 27.8 }]);
  assert.equal(line(), "3 min · $0.04 · 2 min left today");
});
