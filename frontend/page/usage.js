/** What the open conversation has cost and what is left of the tightest budget; the dialog of one's own usage. */

import { Latest } from "../latest.js";
import { amountText, costText, usedPart } from "../words/amounts.js";
import { errorText } from "./error-text.js";

/** @import { Api, Budget, OwnUsage, Session } from "../api.js" */
/** @import { UsageView } from "../views/usage.js" */
/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {{
 *   api: Pick<Api, "usage" | "budgets">, words: Words, now: () => number,
 *   view: Pick<UsageView, "showLine" | "open" | "showUsage" | "showState">,
 * }} UsageParts `now` is in milliseconds, as of `Date.now`.
 * @typedef {{ openId: () => string | null, signal: () => AbortSignal }} UsageDelegate `signal` is aborted
 *   when the user signs out.
 */

export const DAYS = 30;
/** @type {Readonly<Partial<Record<Budget["kind"], string>>>} */
const LEFT = { money: "usage.left.money", minutes: "usage.left.minutes" };
/** What is less than this is shown as this, because a call was not without time. */
const SHORTEST_MINUTES = 0.1;
/** The budgets are requested again after a turn, but not more often than this. */
export const BUDGETS_EVERY_MS = 15_000;

/** The minutes of a session's calls; one that is open lasts until `now`.
 * @param {Session} session @param {number} now */
export function minutesOf({ calls = [] }, now) {
  const lasted = calls.map(({ started_at, ended_at }) => {
    const end = ended_at === null ? now : Date.parse(ended_at);
    return Math.max(0, end - Date.parse(started_at));
  });
  return lasted.reduce((sum, ms) => sum + ms, 0) / 60_000;
}

export class Usage {
  #parts;
  #delegate;
  /** @type {Session | null} */
  #session = null;
  /** @type {Budget[]} */
  #budgets = [];
  #budgetsAt = Number.NEGATIVE_INFINITY;
  #opened = new Latest();
  /** What the dialog shows. @type {OwnUsage | null} */
  #usage = null;

  /** @param {UsageParts} parts @param {UsageDelegate} delegate */
  constructor(parts, delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
  }

  /** The server's version of a session, with its calls and its cost. @param {Session} session */
  sessionRead(session) {
    if (session.id !== this.#delegate.openId()) return;
    this.#session = session;
    this.show();
    void this.#readBudgets();
  }

  /** The server said that the level of a budget has changed: what is left is read again, at once. */
  budgetChanged() {
    this.#budgetsAt = Number.NEGATIVE_INFINITY;
    void this.#readBudgets();
  }

  /** Show the figures of the open conversation, as far as they are known, in the current language. */
  show() {
    if (this.#session?.id !== this.#delegate.openId()) this.#session = null;
    this.#parts.view.showLine(this.#line());
    if (this.#usage) this.#parts.view.showUsage(this.#usage);
  }

  /** The user signed out. */
  clear() {
    this.#opened.cancel();
    this.#session = this.#usage = null;
    this.#budgets = [];
    this.#budgetsAt = Number.NEGATIVE_INFINITY;
    this.#parts.view.showLine("");
  }

  /** Open the dialog of the user's own usage. */
  async openDialog() {
    const { api, view, words } = this.#parts;
    const signal = this.#opened.next();
    this.#usage = null;
    view.showState(words.say("usage.loading"));
    view.open();
    try {
      const usage = await api.usage(DAYS);
      if (signal.aborted) return;
      this.#usage = usage;
      this.#budgets = usage.budgets;
      this.#budgetsAt = this.#parts.now();
      this.show();
    } catch (error) {
      if (signal.aborted) return;
      view.showState(words.say("usage.failed", { why: errorText(words, error) }));
    }
  }

  #line() {
    const { now, words } = this.#parts;
    const session = this.#session;
    if (!session) return "";
    const minutes = minutesOf(session, now());
    const parts = [];
    if (minutes > 0) parts.push(words.minutes(Math.max(SHORTEST_MINUTES, minutes)));
    if (session.cost === null || Number(session.cost) > 0) {
      parts.push(costText(words, session, "usage.cost_unknown"));
    }
    const tightest = this.#budgets
      .filter(({ kind }) => kind in LEFT)
      .toSorted((a, b) => usedPart(b) - usedPart(a))[0];
    if (tightest) {
      const { kind, left } = tightest;
      parts.push(words.say(LEFT[kind] ?? "", { left: amountText(words, kind, left) }));
    }
    return parts.join(" · ");
  }

  async #readBudgets() {
    const { api, now } = this.#parts;
    if (now() - this.#budgetsAt < BUDGETS_EVERY_MS) return;
    this.#budgetsAt = now();
    const signal = this.#delegate.signal();
    // Without them the line shows what is known.
    const budgets = await api.budgets().catch(() => null);
    if (!budgets || signal.aborted) return;
    this.#budgets = budgets;
    this.show();
  }
}
