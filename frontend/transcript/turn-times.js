/** When each line of the conversation began, and which ones are the first of a day. */

import { dayNumber } from "../words/calendar.js";
import { partKey } from "./item.js";

/** @import { Line } from "./item.js" */

/** @typedef {Pick<Line, "itemId" | "contentIndex" | "startedAt">} TimedLine */

/** The server's time of what it has stored; else that of this computer when the line was first shown. */
export class TurnTimes {
  #now;
  /** @type {Map<string, number>} In milliseconds since 1970, by part key. */
  #firstShown = new Map();

  /** @param {() => number} [now] Milliseconds since 1970. */
  constructor(now = Date.now) {
    this.#now = now;
  }

  /** @param {TimedLine} line @returns {Date | null} Null if nobody knows. */
  of({ itemId, contentIndex, startedAt }) {
    if (startedAt !== undefined) return startedAt ? new Date(startedAt) : null;
    const key = partKey(itemId, contentIndex);
    const shown = this.#firstShown.get(key) ?? this.#now();
    this.#firstShown.set(key, shown);
    return new Date(shown);
  }

  /** The number of a line's day; null if nobody knows. @param {TimedLine} line */
  dayOf(line) {
    const time = this.of(line);
    return time && dayNumber(time);
  }

  /** The number of this day. */
  get today() {
    return dayNumber(new Date(this.#now()));
  }
}

/**
 * The indexes at which another day begins than that of the line before. The first line begins one only if
 * that is not today: what is of today needs no date.
 *
 * @param {ReadonlyArray<number | null>} days Of the lines, in their order.
 * @param {number} today
 */
export function dayStarts(days, today) {
  /** @type {number[]} */
  const starts = [];
  let current = today;
  for (const [index, day] of days.entries()) {
    if (day === null || day === current) continue;
    starts.push(index);
    current = day;
  }
  return starts;
}
