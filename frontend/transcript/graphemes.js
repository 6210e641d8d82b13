/**
 * Where a text may be cut: between characters as people see them (grapheme clusters). Pure.
 *
 * The counterpart of `backend/protocol/graphemes.py`; `tests/graphemes.json` tests both. Positions count
 * UTF-16 units.
 */

/**
 * Where `Intl.Segmenter` is missing (Firefox before 125): the rules of Unicode Standard Annex #29 without
 * those for rare scripts. CRLF; flags; Korean of single letters; else a code point with its marks, and
 * with what a joiner or a virama joins to it.
 */
const CLUSTER =
  /\r\n|\p{RI}{2}|[\u1100-\u115f]+[\u1160-\u11ff]*|.(?:[\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d]\u200d?\p{L}|\u200d\p{ExtPict}?|[\p{M}\p{EMod}\u200c\u0e33\u0eb3\uff9e\uff9f\u{e0020}-\u{e007f}])*/gsu;

/** @type {Intl.Segmenter | null} */
const SEGMENTER =
  typeof Intl.Segmenter === "function"
    ? new Intl.Segmenter("en", { granularity: "grapheme" })
    : null;

/**
 * The last boundary between characters at or before `position`.
 *
 * @param {string} text
 * @param {number} position
 * @param {Intl.Segmenter | null} [segmenter] For tests.
 */
export function clusterStart(text, position, segmenter = SEGMENTER) {
  if (position >= text.length) return text.length;
  return clusterAround(text, position, segmenter).start;
}

/**
 * The first boundary between characters at or after `position`.
 *
 * @param {string} text
 * @param {number} position
 * @param {Intl.Segmenter | null} [segmenter] For tests.
 */
export function clusterEnd(text, position, segmenter = SEGMENTER) {
  if (position >= text.length) return text.length;
  const { start, end } = clusterAround(text, position, segmenter);
  return start === position ? position : end;
}

/**
 * The start and end of the character that the unit at `position` belongs to.
 *
 * @param {string} text
 * @param {number} position From 0 to the last unit.
 * @param {Intl.Segmenter | null} segmenter
 */
function clusterAround(text, position, segmenter) {
  const found = segmenter?.segment(text).containing(position);
  if (found) return { start: found.index, end: found.index + found.segment.length };
  for (const { index, 0: cluster } of text.matchAll(CLUSTER)) {
    const end = index + cluster.length;
    if (end > position) return { start: index, end };
  }
  return { start: position, end: position };
}
