/**
 * The text of a spoken answer at the pace of its audio: how much of a line is shown by now. Pure.
 *
 * The text of an answer arrives seconds before its audio is played. Shown at once, the user would read
 * it to the end while the voice is still at the beginning. So the share of the text that is shown is
 * the share of the received audio that was played.
 */

import { clusterEnd } from "./graphemes.js";
import { partKey } from "./item.js";

/** @typedef {{ itemId: string, contentIndex: number, text: string }} CaptionLine */
/** @typedef {{ receivedMs: number, playedMs: number, shownLength: number, isOver: boolean }} Pace */

/**
 * The first `length` UTF-16 units, extended to the end of the character (`graphemes.js`), and in scripts
 * with spaces to the end of the word.
 *
 * @param {string} text
 * @param {number} length
 * @returns {string}
 */
export function upTo(text, length) {
  if (length <= 0) return "";
  const end = clusterEnd(text, length);
  if (!/[\p{Script=Latin}\p{N}'’]\p{M}*$/u.test(text.slice(0, end))) return text.slice(0, end);
  const rest = /^[\p{Script=Latin}\p{N}\p{M}'’.,!?;:-]*/u.exec(text.slice(end));
  return text.slice(0, clusterEnd(text, end + (rest?.[0].length ?? 0)));
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

  /** Take this as the length of a line's audio, of which nothing is received (WebRTC).
   * @param {string} itemId @param {number} contentIndex @param {number} ms */
  expected(itemId, contentIndex, ms) {
    const pace = this.#paces.get(partKey(itemId, contentIndex));
    if (pace) pace.receivedMs = ms;
    else this.received(itemId, contentIndex, ms);
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
