/**
 * How much of a spoken text was heard before it was cut off: an estimate, cut to a whole word. Pure.
 *
 * It computes the same as `backend/protocol/transcript/heard.py`, and the same tapes test both. A
 * transcript arrives before its audio is played. The estimate assumes that the text of a delta is
 * spoken evenly, from the audio position at which the delta arrived to that at which the next one did.
 * The first delta starts at the beginning, the last one stops at the end of the audio. Characters are
 * code points, as in Python.
 */

import { clusterStart } from "./graphemes.js";

/**
 * Scripts without spaces between words: a text can be cut at every character. Thai, Lao, Burmese,
 * Khmer, CJK, full-width and half-width forms.
 */
const UNSPACED =
  /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u{20000}-\u{3ffff}]/u;
const SPACE = /[\t\n\v\f\r\p{Z}]/u;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
const PAUSES = "、。，．！？…";
/** How many characters a cut in an unspaced script moves back, at most, to end at a pause. */
const MAX_PAUSE_DISTANCE = 2;

/** The audio position at which each delta of a text arrived. */
export class TextTiming {
  #audioMs = 0;
  #textChars = 0;
  /** @type {Array<readonly [number, number]>} Audio position in ms, and characters before it. */
  #marks = [];

  /** Count this much more audio. @param {number} ms */
  addAudio(ms) {
    this.#audioMs += ms;
  }

  /** Take this as the length of all audio. @param {number} ms */
  setAudio(ms) {
    this.#audioMs = ms;
  }

  /** Count this many more characters, at the present audio position. @param {number} chars */
  addText(chars) {
    const last = this.#marks.at(-1);
    if (!last || this.#audioMs > last[0]) this.#marks.push([this.#audioMs, this.#textChars]);
    this.#textChars += chars;
  }

  /**
   * The share of the text, 0 to 1, that is spoken in the first `heardMs` milliseconds. 1 where `heardMs`
   * reaches the end of the known audio: nothing shows that any was missed.
   *
   * @param {number} heardMs
   */
  textShare(heardMs) {
    if (heardMs <= 0) return 0;
    if (heardMs >= this.#audioMs) return 1;
    if (!this.#textChars) return heardMs / this.#audioMs;
    let [startMs, startChars] = [0, 0];
    const ends = [...this.#marks.slice(1), /** @type {const} */ ([this.#audioMs, this.#textChars])];
    for (const [ms, chars] of ends) {
      if (ms > heardMs) {
        const progress = (heardMs - startMs) / (ms - startMs);
        return (startChars + progress * (chars - startChars)) / this.#textChars;
      }
      [startMs, startChars] = [ms, chars];
    }
    return 1;
  }
}

/**
 * The beginning of `text` that was heard in `heardMs` milliseconds, to a whole word.
 *
 * @param {string} text
 * @param {TextTiming} timing
 * @param {number} heardMs
 */
export function heardText(text, timing, heardMs) {
  // The margin keeps a rounding error from turning a share of n characters into n - 1.
  return cutToWholeWord(text, Math.floor(timing.textShare(heardMs) * charsIn(text) + 1e-6));
}

/**
 * The first `count` characters, without a word that is cut and without trailing space. In scripts
 * without spaces each character is a word, and a pause shortly before is preferred.
 *
 * @param {string} text
 * @param {number} count In code points.
 */
export function cutToWholeWord(text, count) {
  const chars = [...text];
  /** @param {number} index */
  const at = (index) => chars[index] ?? "";
  if (count >= chars.length) return text;
  let cut = cutBetweenCharacters(chars, count);
  if (cut === count) cut = cutAtPause(chars, cut);
  while (cut && SPACE.test(at(cut - 1))) cut--;
  return chars.slice(0, cut).join("");
}

/** The pace of speech in text: about 150 words a minute in English, 420 characters in Japanese. */
const UNSPACED_CHARS_PER_S = 7;
const CHARS_PER_S = 15;

/**
 * Estimate how long it takes to say this text, where its audio is not seen (WebRTC). The same as `spoken_ms`
 * of `backend/relay/output_buffer.py`.
 *
 * @param {string} text
 * @returns {number} Milliseconds.
 */
export function spokenMs(text) {
  const chars = [...text];
  const unspaced = chars.filter((char) => UNSPACED.test(char)).length;
  return 1000 * (unspaced / UNSPACED_CHARS_PER_S + (chars.length - unspaced) / CHARS_PER_S);
}

/** Whether the text holds anything but white space. @param {string} text */
export function hasWords(text) {
  return /[^\t\n\v\f\r\p{Z}]/u.test(text);
}

/** The number of code points. @param {string} text */
export function charsIn(text) {
  return [...text].length;
}

/**
 * Move the cut back until it divides neither a word nor a character (`graphemes.js`).
 *
 * @param {string[]} chars
 * @param {number} count
 * @returns {number}
 */
function cutBetweenCharacters(chars, count) {
  const shorter = cutWhole(chars, cutSpaced(chars, count));
  // Stepping back from a joiner can end inside a word.
  return shorter === count ? count : cutBetweenCharacters(chars, shorter);
}

/**
 * Move the cut back to the start of the character it divides.
 *
 * @param {string[]} chars
 * @param {number} count
 */
function cutWhole(chars, count) {
  const { length } = chars.slice(0, count).join("");
  const text = chars.join("");
  const start = clusterStart(text, length);
  return start === length ? count : charsIn(text.slice(0, start));
}

/**
 * Move the cut back to the start of the word it divides; punctuation may be cut off a word.
 *
 * @param {string[]} chars
 * @param {number} count
 */
function cutSpaced(chars, count) {
  /** @param {number} index */
  const isInWord = (index) => {
    const char = chars[index] ?? " ";
    return !SPACE.test(char) && !UNSPACED.test(char);
  };
  if (!isInWord(count - 1) || !isInWord(count)) return count;
  let end = count;
  while (isInWord(end)) end++;
  if (!LETTER_OR_DIGIT.test(chars.slice(count, end).join(""))) return count;
  let cut = count;
  while (isInWord(cut - 1)) cut--;
  return cut;
}

/**
 * @param {string[]} chars
 * @param {number} cut
 */
function cutAtPause(chars, cut) {
  for (let shorter = cut; shorter > Math.max(cut - MAX_PAUSE_DISTANCE - 1, 0); shorter--) {
    const isPause = PAUSES.includes(chars[shorter - 1] ?? " ");
    if (isPause && cutWhole(chars, shorter) === shorter) return shorter;
  }
  return cut;
}
