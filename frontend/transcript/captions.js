/**
 * The text of a spoken answer at the pace of its audio: how much of a line is shown by now. Pure.
 *
 * The text of an answer arrives seconds before its audio is played. Shown at once, the user would read
 * it to the end while the voice is still at the beginning. So the share of the text that is shown is
 * the share of the received audio that was played.
 */

import { partKey } from "./item.js";

/** @typedef {{ itemId: string, contentIndex: number, text: string }} CaptionLine */
/** @typedef {{ receivedMs: number, playedMs: number, shownLength: number, isOver: boolean }} Pace */

/**
 * The first `length` UTF-16 units, extended to the end of the word in scripts with spaces, and never
 * ending in the middle of a character.
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

/** How far the audio of each line was played. */
export class Captions {
  /** @type {Map<string, Pace>} By part key. */
  #paces = new Map();
  /** How many lines of an item may be shown in part, because their audio came and is not over.
   * @type {Map<string, number>} */
  #paced = new Map();
  /** Rises when an item becomes paced or is so no more. */
  pacedVersion = 0;

  /** Count audio that arrived. @param {string} itemId @param {number} contentIndex @param {number} ms */
  received(itemId, contentIndex, ms) {
    const key = partKey(itemId, contentIndex);
    const pace = this.#paces.get(key);
    if (pace) {
      pace.receivedMs += ms;
      return;
    }
    this.#paces.set(key, { receivedMs: ms, playedMs: 0, shownLength: 0, isOver: false });
    this.#paced.set(itemId, (this.#paced.get(itemId) ?? 0) + 1);
    this.pacedVersion += 1;
  }

  /** Record how much audio was played in all.
   * @param {string} itemId @param {number} contentIndex @param {number} playedMs */
  played(itemId, contentIndex, playedMs) {
    const pace = this.#paces.get(partKey(itemId, contentIndex));
    if (pace) pace.playedMs = Math.max(pace.playedMs, playedMs);
  }

  /** The audio ended or was cut off: show the whole line.
   * @param {string} itemId @param {number} contentIndex */
  over(itemId, contentIndex) {
    const pace = this.#paces.get(partKey(itemId, contentIndex));
    if (!pace || pace.isOver) return;
    pace.isOver = true;
    const left = (this.#paced.get(itemId) ?? 1) - 1;
    if (left > 0) this.#paced.set(itemId, left);
    else this.#paced.delete(itemId);
    this.pacedVersion += 1;
  }

  /** No more audio will be played: show every line whole. */
  allOver() {
    for (const pace of this.#paces.values()) pace.isOver = true;
    this.#paced.clear();
    this.pacedVersion += 1;
  }

  /** Whether lines of this item may be shown in part. @param {string} itemId */
  isPaced(itemId) {
    return this.#paced.has(itemId);
  }

  /**
   * The part of the line's text that is shown by now. It never gets shorter. A line without audio is
   * shown whole.
   *
   * @param {CaptionLine} line
   * @returns {string}
   */
  shown(line) {
    const pace = this.#paces.get(partKey(line.itemId, line.contentIndex));
    if (!pace || pace.isOver) return line.text;
    const share = pace.receivedMs > 0 ? pace.playedMs / pace.receivedMs : 0;
    const text = upTo(line.text, Math.max(pace.shownLength, Math.ceil(line.text.length * share)));
    pace.shownLength = text.length;
    return text;
  }
}
