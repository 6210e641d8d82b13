/** The line with what a conversation has cost, and the dialog of one's own usage: sums, bars, a table. */

import { amountText, costText, usedPart } from "../words/amounts.js";
import { open } from "./dialogs.js";
import { byId, make, write } from "./elements.js";

/** @import { OwnUsage, UsageDay, UsageSums } from "../api.js" */
/** @import { Words } from "../words/i18n.js" */

const LEFT_OF = {
  money: "usage.left_of.money",
  minutes: "usage.left_of.minutes",
  calls_at_once: "usage.left_of.calls_at_once",
  calls_per_hour: "usage.left_of.calls_per_hour",
};
/** From this used part on a budget is marked; the server warns at the same. */
const WARN_AT = 0.8;

export class UsageView {
  #words;
  #line = byId("spent", HTMLButtonElement);
  #dialog = byId("usage", HTMLDialogElement);
  #state = byId("usage-state", HTMLParagraphElement);
  #content = byId("usage-content", HTMLDivElement);

  /** @param {Words} words @param {() => void} opened The user wants to see their usage. */
  constructor(words, opened) {
    this.#words = words;
    this.#line.addEventListener("click", opened);
    byId("usage-open", HTMLButtonElement).addEventListener("click", opened);
  }

  /** @param {string} text Empty to show nothing. */
  showLine(text) {
    this.#line.hidden = text === "";
    write(this.#line, text);
    this.#line.ariaLabel = `${text}. ${this.#words.say("usage.open")}`;
  }

  open() {
    open(this.#dialog);
  }

  /** Show a sentence in place of the usage. @param {string} sentence */
  showState(sentence) {
    this.#content.hidden = true;
    write(this.#state, sentence);
  }

  /** @param {OwnUsage} usage */
  showUsage(usage) {
    const used = usage.days.filter(isUsed);
    const notes = [];
    if (used.some(({ cost_estimated }) => cost_estimated)) notes.push("usage.estimate.note");
    if (used.some(({ cost }) => cost === null)) notes.push("usage.unknown.note");
    const { time_zone: zone, days } = usage;
    const sentences = notes.map((key) => this.#words.say(key));
    sentences.push(this.#words.say("usage.zone.note", { zone }));
    const nothing = this.#words.say("usage.nothing", { days: days.length });
    this.#content.replaceChildren(
      this.#budgets(usage),
      this.#sums(usage),
      ...(used.length > 0 ? [this.#chart(days), this.#table(used)] : [make("p", {}, nothing)]),
      make("p", { class: "aside" }, sentences.join(" ")),
    );
    this.#content.hidden = false;
    write(this.#state, "");
  }

  /** @param {OwnUsage} usage */
  #budgets({ budgets }) {
    const items = budgets.map((budget) => {
      const { kind, left, limit } = budget;
      const amounts = {
        left: amountText(this.#words, kind, left),
        limit: amountText(this.#words, kind, limit),
      };
      const text = this.#words.say(LEFT_OF[kind], amounts);
      const isNearEnd = usedPart(budget) >= WARN_AT;
      return make("li", { class: isNearEnd ? "budget near-end" : "budget" }, text);
    });
    return make("ul", { class: "budgets", hidden: items.length === 0 }, ...items);
  }

  /** Today and this month. @param {OwnUsage} usage */
  #sums({ today, month }) {
    const words = this.#words;
    const row = (/** @type {string} */ key, /** @type {UsageSums} */ sums) =>
      make("tr", {}, make("th", { scope: "row" }, words.say(key)), ...this.#cells(sums));
    return make(
      "table",
      { class: "usage-table" },
      this.#head(""),
      make("tbody", {}, row("usage.today", today), row("usage.month", month)),
    );
  }

  /** The days with anything used, the latest first. @param {UsageDay[]} used */
  #table(used) {
    const words = this.#words;
    const rows = [...used].reverse().map((day) => {
      const date = make("th", { scope: "row" }, words.calendarDay(day.date));
      return make("tr", {}, date, ...this.#cells(day));
    });
    return make(
      "details",
      { class: "by-day" },
      make("summary", {}, words.say("usage.by_day")),
      make(
        "table",
        { class: "usage-table" },
        this.#head(words.say("usage.day")),
        make("tbody", {}, ...rows),
      ),
    );
  }

  /** @param {string} first The heading of the first column; empty for none. */
  #head(first) {
    const keys = ["usage.calls", "usage.minutes", "usage.tokens", "usage.cost"];
    const cells = keys.map((key) => make("th", { scope: "col" }, this.#words.say(key)));
    const corner = first ? make("th", { scope: "col" }, first) : make("td");
    return make("thead", {}, make("tr", {}, corner, ...cells));
  }

  /** @param {UsageSums} sums */
  #cells(sums) {
    const words = this.#words;
    return [
      words.number(sums.calls),
      words.number(Math.round(sums.minutes * 10) / 10),
      words.number(tokensOf(sums)),
      costText(words, sums),
    ].map((text) => make("td", {}, text));
  }

  /** A bar for each day: of minutes or, where nobody talked, of cost. @param {UsageDay[]} days */
  #chart(days) {
    const words = this.#words;
    const isTalk = days.some(({ minutes }) => minutes > 0);
    const amountOf = (/** @type {UsageDay} */ day) =>
      isTalk ? day.minutes : Number(day.cost ?? 0);
    const most = Math.max(...days.map(amountOf));
    const top = days.find((day) => amountOf(day) === most);
    const label = words.say(isTalk ? "usage.chart.minutes" : "usage.chart.cost", {
      days: days.length,
      day: top ? words.calendarDay(top.date) : "",
      most: isTalk ? words.minutes(most) : words.money(most),
    });
    const bars = days.map((day) => {
      const bar = make("span", { class: "bar-of-day" });
      bar.style.setProperty("--part", String(most > 0 ? amountOf(day) / most : 0));
      return bar;
    });
    const ends = [days[0], days.at(-1)].map((day) =>
      make("span", {}, day ? words.calendarDay(day.date) : ""),
    );
    return make(
      "figure",
      { class: "usage-chart" },
      make("div", { class: "bars", "aria-hidden": "true" }, ...bars),
      make("div", { class: "bar-ends", "aria-hidden": "true" }, ...ends),
      make("figcaption", { class: "aside" }, label),
    );
  }
}

/** @param {UsageDay} day */
const isUsed = (day) =>
  day.calls > 0 || day.cost === null || tokensOf(day) > 0 || Number(day.cost) > 0;

/** All tokens, in and out; cached ones are part of those. @param {UsageSums} sums */
function tokensOf({ usage }) {
  const names = ["text_in", "audio_in", "image_in", "text_out", "audio_out"];
  return names.reduce((sum, name) => sum + (usage[name] ?? 0), 0);
}
