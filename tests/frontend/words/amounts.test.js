import assert from "node:assert/strict";
import { test } from "node:test";
import { amountText, costText, usedPart } from "../../../frontend/words/amounts.js";
import { Words } from "../../../frontend/words/i18n.js";

const en = new Words("en", ["en-US"]);
const ja = new Words("ja");

test("a cost is marked where it is an estimate, and is never zero where it is unknown", () => {
  assert.equal(costText(en, { cost: "1.2345", cost_estimated: false }), "$1.23");
  assert.equal(costText(en, { cost: "0.0042", cost_estimated: true }), "≈ $0.0042");
  assert.equal(costText(ja, { cost: "0.0000", cost_estimated: true }), "約 $0.00");
  assert.equal(costText(en, { cost: null, cost_estimated: true }), "unknown");
  const unknown = costText(ja, { cost: null, cost_estimated: false }, "usage.cost_unknown");
  assert.equal(unknown, "料金不明");
});

test("an amount of a budget is money, or minutes that are really left", () => {
  assert.equal(amountText(en, "money", 12.5), "$12.50");
  assert.equal(amountText(en, "minutes", 11.9), "11 min");
  assert.equal(amountText(en, "calls_per_hour", 3), "3");
  assert.equal(amountText(ja, "minutes", 3), "3分");
});

test("a budget of nothing is used up", () => {
  assert.equal(usedPart({ limit: 4, used: 1 }), 0.25);
  assert.equal(usedPart({ limit: 0, used: 0 }), 1);
});
