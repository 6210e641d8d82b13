/** Costs, and amounts of budgets, as text. */

/** @import { Budget, UsageSums } from "../api.js" */
/** @import { Words } from "./i18n.js" */

/** Cost as text: unknown where a price is, and marked where it is partly an estimate.
 * @param {Words} words @param {Pick<UsageSums, "cost" | "cost_estimated">} sums @param {string} unknownKey */
export function costText(words, { cost, cost_estimated }, unknownKey = "usage.unknown") {
  if (cost === null) return words.say(unknownKey);
  const text = words.money(Number(cost));
  return cost_estimated ? words.say("usage.estimate", { cost: text }) : text;
}

/** An amount of a budget as text. @param {Words} words @param {Budget["kind"]} kind @param {number} amount */
export function amountText(words, kind, amount) {
  if (kind === "money") return words.money(amount);
  return kind === "minutes" ? words.minutes(Math.floor(amount)) : words.number(amount);
}

/** The used part of a budget, 0 to 1 or more. @param {Budget} budget */
export function usedPart({ limit, used }) {
  return limit > 0 ? used / limit : 1;
}
