/**
 * What a chart draws, computed from its table. Pure: no element is changed here.
 *
 * @typedef {{
 *   days: string[],
 *   columns: (number | null)[][],
 *   texts: string[][],
 * }} Table the axis' labels, the figures of each series (null: a gap) and their texts, by day
 */

/**
 * @param {Iterable<{ label: string, cells: { value: string, text: string }[] }>} rows
 * @returns {Table}
 */
export function tableOf(rows) {
  /** @type {Table} */
  const table = { days: [], columns: [], texts: [] };
  for (const { label, cells } of rows) {
    table.days.push(label);
    table.texts.push(cells.map((cell) => cell.text));
    for (const [series, { value }] of cells.entries()) {
      table.columns[series] ??= [];
      table.columns[series].push(value === "" ? null : Number(value));
    }
  }
  return table;
}

/**
 * The upper ends of stacked bars: each series on top of those before it.
 *
 * @param {(number | null)[][]} columns
 * @returns {number[][]}
 */
export function stacked(columns) {
  /** @type {number[][]} */
  const ends = [];
  for (const column of columns) {
    const below = ends.at(-1);
    ends.push(column.map((value, day) => (value ?? 0) + (below?.[day] ?? 0)));
  }
  return ends;
}

/**
 * The days that have a label on the axis, so that labels do not touch: every day, every second one
 * and so on, counted from the last.
 *
 * @param {number} days
 * @param {number} width in CSS pixels
 * @param {number} widthOfLabel
 * @returns {number[]}
 */
export function labelledDays(days, width, widthOfLabel = 64) {
  const fitting = Math.max(1, Math.floor(width / widthOfLabel));
  const step = Math.max(1, Math.ceil(days / fitting));
  const labelled = [];
  for (let day = days - 1; day >= 0; day -= step) labelled.unshift(day);
  return labelled;
}

/**
 * The day that a key moves to; null if it is not a key of the chart.
 *
 * @param {string} key
 * @param {number | null} day the present one, null if there is none
 * @param {number} days
 * @returns {number | null}
 */
export function dayAfterKey(key, day, days) {
  const last = days - 1;
  switch (key) {
    case "ArrowLeft":
      return Math.max(0, (day ?? days) - 1);
    case "ArrowRight":
      return Math.min(last, (day ?? last - 1) + 1);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return null;
  }
}

/** @type {Record<string, (value: number) => string>} */
const AXIS = {
  count: (value) => compact(value),
  usd: (value) => `$${compact(value)}`,
  ms: (value) => (value < 1000 ? `${value} ms` : `${value / 1000} s`),
};

/**
 * A number on the vertical axis.
 *
 * @param {string} unit
 * @param {number} value
 * @returns {string}
 */
export function axisText(unit, value) {
  return (AXIS[unit] ?? compact)(value);
}

/** @param {number} value */
function compact(value) {
  return new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(
    value,
  );
}
