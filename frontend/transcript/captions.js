/**
 * The assistant's words at the pace of its voice: how much of a line may be shown by now. Pure.
 *
 * The text of an answer is there seconds before its sound. Shown at once, it would be read to the
 * end and then talked over; so it is revealed in proportion to the sound that has been played.
 */

/** @typedef {{ itemId: string, contentIndex: number, text: string }} Paced */
/** @typedef {{ receivedMs: number, playedMs: number, shownLength: number, isOver: boolean }} Pace */

/**
 * The first `length` UTF-16 units, extended to the end of the word in scripts that have spaces, and
 * never through the middle of a character.
 *
 * @param {string} text
 * @param {number} length
 * @returns {string}
 */
export function upTo(text, length) {
  if (length <= 0) return "";
  if (length >= text.length) return text;
  const rest = /^[\p{Script=Latin}\p{N}\p{M}'’.,!?;:\udc00-\udfff-]*/u.exec(text.slice(length));
  const isInsideWord = /[\p{Script=Latin}\p{N}'’]$/u.test(text.slice(0, length));
  const end = isInsideWord ? length + (rest?.[0].length ?? 0) : length;
  const last = text.charCodeAt(end - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? end + 1 : end);
}

/** How far each spoken line has been played. */
export class Captions {
  /** @type {Map<string, Pace>} */
  #paces = new Map();

  /** @param {string} itemId @param {number} contentIndex @param {number} ms Sound that arrived, in milliseconds. */
  received(itemId, contentIndex, ms) {
    const key = `${itemId}/${contentIndex}`;
    const pace = this.#paces.get(key);
    if (pace) pace.receivedMs += ms;
    else this.#paces.set(key, { receivedMs: ms, playedMs: 0, shownLength: 0, isOver: false });
  }

  /** @param {string} itemId @param {number} contentIndex @param {number} playedMs Sound played in all, in milliseconds. */
  played(itemId, contentIndex, playedMs) {
    const pace = this.#paces.get(`${itemId}/${contentIndex}`);
    if (pace) pace.playedMs = Math.max(pace.playedMs, playedMs);
  }

  /** The sound is over, to the end or cut off: the line is shown as the transcript has it.
   * @param {string} itemId @param {number} contentIndex */
  over(itemId, contentIndex) {
    const pace = this.#paces.get(`${itemId}/${contentIndex}`);
    if (pace) pace.isOver = true;
  }

  /** No sound will be played any more: every line is shown as the transcript has it. */
  allOver() {
    for (const pace of this.#paces.values()) pace.isOver = true;
  }

  /**
   * How much of the line is shown by now. It never gets shorter; a line without sound is shown whole.
   *
   * @param {Paced} line
   * @returns {string}
   */
  shown(line) {
    const pace = this.#paces.get(`${line.itemId}/${line.contentIndex}`);
    if (!pace || pace.isOver) return line.text;
    const share = pace.receivedMs > 0 ? pace.playedMs / pace.receivedMs : 0;
    const text = upTo(line.text, Math.max(pace.shownLength, Math.ceil(line.text.length * share)));
    pace.shownLength = text.length;
    return text;
  }
}
