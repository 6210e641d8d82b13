/**
 * Which rows of a list are made, drawn, moved and removed when its lines change. Only the lines that
 * changed are touched: a word that comes costs the same in a conversation of ten lines and of thousands.
 * Pure: what a row is, the caller decides.
 */

/**
 * @template {object} L
 * @template {object} R
 * @typedef {{
 *   keyOf: (line: L) => string, isSame: (a: L, b: L) => boolean, make: () => R, draw: (row: R, line: L) => void,
 *   place: (row: R, next: R | null) => void, remove: (row: R) => void,
 * }} RowParts `isSame`: whether both lines look the same; `place` puts a row in front of the next one, or at the end, unless it stands there.
 */

/** The most rows that are drawn at once. The others, which are above, are left for `drawMore`. */
export const MOST_AT_ONCE = 60;

/** @template {object} L @template {object} R */
export class Rows {
  #parts;
  /** @type {Map<string, R>} */
  #rows = new Map();
  /** @type {ReadonlyArray<L>} */
  #lines = [];
  /** The lines from this index on are drawn as they are. */
  #drawnFrom = 0;

  /** @param {RowParts<L, R>} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Whether rows are left for `drawMore`. */
  get hasMore() {
    return this.#drawnFrom > 0;
  }

  /** The row of this key, if it was made. @param {string} key */
  get(key) {
    return this.#rows.get(key);
  }

  /** Show these lines: draw those that changed, from the end on. @param {ReadonlyArray<L>} lines */
  show(lines) {
    const { start, end, shift } = changedRange(this.#lines, lines, this.#parts.isSame);
    this.#removeLost(this.#lines.slice(start, end - shift), lines.slice(start, end));
    this.#lines = lines;
    // All of the change is among the lines that are not drawn yet.
    if (this.#drawnFrom > end - shift) {
      this.#drawnFrom += shift;
      return;
    }
    const drawnFrom = Math.max(start, end - MOST_AT_ONCE);
    this.#draw(drawnFrom, end);
    if (drawnFrom > start || start < this.#drawnFrom) this.#drawnFrom = drawnFrom;
  }

  /** Draw these many more rows, from the end on. @param {number} count */
  drawMore(count) {
    const start = Math.max(0, this.#drawnFrom - count);
    this.#draw(start, this.#drawnFrom);
    this.#drawnFrom = start;
  }

  /** Draw every row again, for a reason other than its line. */
  redraw() {
    this.#drawnFrom = this.#lines.length;
    this.drawMore(MOST_AT_ONCE);
  }

  /** @param {number} start @param {number} end */
  #draw(start, end) {
    const { keyOf, make, draw, place } = this.#parts;
    const below = this.#lines[end];
    let next = (below && this.#rows.get(keyOf(below))) ?? null;
    for (const line of this.#lines.slice(start, end).reverse()) {
      const key = keyOf(line);
      const row = this.#rows.get(key) ?? make();
      this.#rows.set(key, row);
      draw(row, line);
      place(row, next);
      next = row;
    }
  }

  /** @param {ReadonlyArray<L>} before @param {ReadonlyArray<L>} after Of the lines that changed. */
  #removeLost(before, after) {
    const { keyOf, remove } = this.#parts;
    const keys = new Set(after.map(keyOf));
    for (const key of before.map(keyOf)) {
      const row = this.#rows.get(key);
      if (row === undefined || keys.has(key)) continue;
      remove(row);
      this.#rows.delete(key);
    }
  }
}

/**
 * Where two lists differ: all before `start` is the same, and all from `end` of the new one on. An item of
 * the old list from `end` on has its index of the new one less `shift`.
 *
 * @template {object} T
 * @param {ReadonlyArray<T>} before
 * @param {ReadonlyArray<T>} after
 * @param {(a: T, b: T) => boolean} isSame
 */
export function changedRange(before, after, isSame) {
  /** @param {number} old @param {number} index */
  const isEqual = (old, index) => {
    const [a, b] = [before[old], after[index]];
    return a === b || (a !== undefined && b !== undefined && isSame(a, b));
  };
  const shift = after.length - before.length;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isEqual(start, start)) start += 1;
  let end = after.length;
  const first = start + Math.max(0, shift);
  while (end > first && isEqual(end - shift - 1, end - 1)) end -= 1;
  return { start, end, shift };
}
