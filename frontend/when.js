/** A time to come, as short as it is clear. Pure. */

/** Within this time the hour alone names the day. */
const HOUR_IS_ENOUGH_MS = 20 * 60 * 60 * 1000;
const MINUTE_MS = 60_000;

/**
 * The time of day, rounded up to a minute, as the browser writes it; with the date where it is days away.
 *
 * @param {Date} at
 * @param {Date} [now]
 */
export function whenText(at, now = new Date()) {
  const rounded = new Date(Math.ceil(at.getTime() / MINUTE_MS) * MINUTE_MS);
  const isSoon = at.getTime() - now.getTime() < HOUR_IS_ENOUGH_MS;
  /** @type {Intl.DateTimeFormatOptions} */
  const time = { hour: "numeric", minute: "2-digit" };
  return isSoon
    ? rounded.toLocaleTimeString([], time)
    : rounded.toLocaleString([], { month: "long", day: "numeric", ...time });
}
