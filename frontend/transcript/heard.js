/**
 * What was heard of a spoken text that was cut off: an estimate, cut to a whole word. Pure.
 *
 * The laws are those of backend/protocol/heard.py, and the same tapes prove both. A transcript runs
 * ahead of its audio: a delta's words sound from the place that the audio had reached when the delta
 * came to the place where the next one came. Characters are code points here, as they are there.
 */

/** Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, CJK, full-width forms. */
const UNSPACED =
  /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u{20000}-\u{3ffff}]/u;
const SPACE = /[\t\n\v\f\r\p{Z}]/u;
const WORDY = /[\p{L}\p{N}]/u;
const MARK = /\p{M}/u;
const SKIN_TONE = /[\u{1f3fb}-\u{1f3ff}]/u;
const JOINER = "\u200d";
const PAUSES = "、。，．！？…";
/** How many characters are given up, at most, to end at a pause in an unspaced script. */
const PAUSE_REACH = 2;

/** How far the audio had come when the text came. */
export class AudioMarks {
  #audioMs = 0;
  #streamedChars = 0;
  /** @type {Array<readonly [number, number]>} */
  #marks = [];

  /** @param {number} ms So much more audio came. */
  hear(ms) {
    this.#audioMs += ms;
  }

  /** @param {number} chars So many more characters came. */
  stream(chars) {
    const last = this.#marks.at(-1);
    if (!last || this.#audioMs > last[0]) this.#marks.push([this.#audioMs, this.#streamedChars]);
    this.#streamedChars += chars;
  }

  /**
   * The share of the text, 0 to 1, that sounds in the first milliseconds. All of it where less audio
   * is known than was heard: nothing then says that any was missed.
   *
   * @param {number} heardMs
   */
  shareHeard(heardMs) {
    if (heardMs <= 0) return 0;
    if (heardMs >= this.#audioMs) return 1;
    if (!this.#streamedChars) return heardMs / this.#audioMs;
    let [startMs, startChars] = [0, 0];
    const ends = [
      ...this.#marks.slice(1),
      /** @type {const} */ ([this.#audioMs, this.#streamedChars]),
    ];
    for (const [ms, chars] of ends) {
      if (ms > heardMs) {
        const progress = (heardMs - startMs) / (ms - startMs);
        return (startChars + progress * (chars - startChars)) / this.#streamedChars;
      }
      [startMs, startChars] = [ms, chars];
    }
    return 1;
  }
}

/**
 * The beginning of a text that was heard, to a whole word.
 *
 * @param {string} text
 * @param {AudioMarks} marks
 * @param {number} heardMs
 */
export function heardText(text, marks, heardMs) {
  // A hair is added so that a share that stands for n characters is never taken for n - 1.
  return cutToWholeWord(text, Math.floor(marks.shareHeard(heardMs) * charsIn(text) + 1e-6));
}

/**
 * The first characters, less a last word that is not whole, and less trailing space. In scripts
 * without spaces every character stands alone, and a pause close before is preferred.
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

/** @param {string} text Whether there is anything but space in it. */
export function hasWords(text) {
  return /[^\t\n\v\f\r\p{Z}]/u.test(text);
}

/** @param {string} text How many code points it has. */
export function charsIn(text) {
  return [...text].length;
}

/**
 * Back to where neither a word nor what a reader sees as one character is cut.
 *
 * @param {string[]} chars
 * @param {number} count
 * @returns {number}
 */
function cutBetweenCharacters(chars, count) {
  const cut = cutSpaced(chars, count);
  let shorter = cut;
  while (shorter && clings(chars[shorter - 1] ?? "", chars[shorter] ?? "")) shorter--;
  // Stepping back from a joiner can end inside a word.
  return shorter === count ? count : cutBetweenCharacters(chars, shorter);
}

/**
 * Back to the start of the word that the cut goes through; punctuation may be cut off a word.
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
  if (!WORDY.test(chars.slice(count, end).join(""))) return count;
  let cut = count;
  while (isInWord(cut - 1)) cut--;
  return cut;
}

/**
 * Whether these two are one character to a reader: accents, joined emoji, skin tones.
 *
 * @param {string} before
 * @param {string} after
 */
function clings(before, after) {
  return MARK.test(after) || SKIN_TONE.test(after) || before === JOINER || after === JOINER;
}

/**
 * @param {string[]} chars
 * @param {number} cut
 */
function cutAtPause(chars, cut) {
  for (let shorter = cut; shorter > Math.max(cut - PAUSE_REACH - 1, 0); shorter--) {
    if (PAUSES.includes(chars[shorter - 1] ?? " ")) return shorter;
  }
  return cut;
}
