/** One calm line while a budget of the user is nearly used up. */

import { whenText } from "../when.js";
import { byId, write } from "./elements.js";

/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{ kind: "money" | "minutes", level: "ok" | "warning" | "spent", resetsAt: Date | null }} Budget
 *   As in `relay.budget`: `resetsAt` is null if it does not start again by itself.
 */

/** @type {Readonly<Record<Budget["kind"], string>>} */
const WARNINGS = Object.freeze({
  money: "budget.money.warning",
  minutes: "budget.minutes.warning",
});

/**
 * What the line says of these budgets; empty while all are well. Pure.
 *
 * @param {ReadonlyArray<Budget>} budgets
 * @param {Pick<Words, "say">} words
 * @param {(at: Date) => string} [when]
 */
export function budgetText(budgets, words, when = whenText) {
  if (budgets.some(({ level }) => level === "spent")) return words.say("budget.spent");
  const warned = budgets.find(({ level }) => level === "warning");
  if (!warned) return "";
  return words.say(WARNINGS[warned.kind], { time: warned.resetsAt ? when(warned.resetsAt) : "" });
}

export class BudgetLine {
  #words;
  #line = byId("budget", HTMLParagraphElement);
  /** By kind. @type {Map<string, Budget>} */
  #budgets = new Map();

  /** @param {Words} words */
  constructor(words) {
    this.#words = words;
  }

  /** Show that a budget has another level; the line disappears when all are well. @param {Budget} budget */
  show(budget) {
    this.#budgets.set(budget.kind, budget);
    this.relabel();
  }

  /** No call is open any more, or another one, which assumes that all is well. */
  clear() {
    this.#budgets.clear();
    this.relabel();
  }

  /** Write the text in the current language. */
  relabel() {
    const text = budgetText([...this.#budgets.values()], this.#words);
    write(this.#line, text);
    this.#line.hidden = text === "";
  }
}
