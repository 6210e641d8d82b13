import assert from "node:assert/strict";
import { test } from "node:test";
import { budgetText } from "../../../frontend/views/budget-line.js";
import { Words } from "../../../frontend/words/i18n.js";

const words = new Words("en");
const resetsAt = new Date(2026, 11, 1);
const text = (...budgets) =>
  budgetText(
    budgets.map(([kind, level]) => ({ kind, level, resetsAt })),
    words,
    () => "December 1",
  );

test("nothing is said while all budgets are well", () => {
  assert.equal(text(), "");
  assert.equal(text(["money", "ok"], ["minutes", "ok"]), "");
});

test("a warning says when the budget starts again", () => {
  const money = words.say("budget.money.warning", { time: "December 1" });
  assert.equal(text(["money", "warning"], ["minutes", "ok"]), money);
  assert.match(money, /80%.*December 1/);
  const minutes = words.say("budget.minutes.warning", { time: "December 1" });
  assert.equal(text(["money", "ok"], ["minutes", "warning"]), minutes);
});

test("a budget that is used up is said rather than one that nearly is", () => {
  assert.equal(text(["money", "warning"], ["minutes", "spent"]), words.say("budget.spent"));
});
