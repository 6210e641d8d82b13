/** Days of the calendar, in the reader's time zone. Pure. */

const DAY_MS = 86_400_000;
/** Today, yesterday, and these days before it have no month's name yet. */
const DAYS_OF_WEEK = 7;

/** @typedef {"today" | "yesterday" | "week" | "month"} GroupName */

/** The headings of the groups that are no months, as keys of texts. */
export const GROUP_TEXTS = Object.freeze({
  today: "sessions.today",
  yesterday: "sessions.yesterday",
  week: "sessions.week",
});

/** The number of a moment's day: consecutive, also where the clocks change. @param {Date} date */
export function dayNumber(date) {
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS);
}

/**
 * The group of a list, the latest first, in which a moment is shown.
 *
 * @param {Date} date One after `now`, by a clock that is ahead, is of today.
 * @param {Date} now
 * @returns {{ name: GroupName, key: string }} `key` also tells one month from another.
 */
export function groupOf(date, now) {
  const days = dayNumber(now) - dayNumber(date);
  if (days <= 0) return { name: "today", key: "today" };
  if (days === 1) return { name: "yesterday", key: "yesterday" };
  if (days <= DAYS_OF_WEEK) return { name: "week", key: "week" };
  return { name: "month", key: `month ${date.getFullYear()} ${date.getMonth()}` };
}
