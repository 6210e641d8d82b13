/** How good the connection of a call is, and how soon answers come. Pure. */

/**
 * @typedef {"good" | "fair" | "poor"} QualityLevel
 * @typedef {{
 *   level: QualityLevel, roundTripMs: number, answerMs: number | null, answers: number, isDirect?: boolean,
 * }} Quality `roundTripMs` is the median of the latest round trips: to the server, or to the provider if the
 *   call is direct. `answerMs` is that of the call's answers to speech, from the end of the speech to the
 *   first sound; null if there was none yet.
 */

/** The round trip is added to every answer. ITU-T G.114 (2003): up to 150 ms of delay few people notice,
 * over 400 ms is too much for a conversation. */
const GOOD_MS = 150;
const FAIR_MS = 400;
/** Round trips that count: half a minute. One late packet alone is no bad connection. */
const LATEST = 5;

/** The figures of one call. */
export class CallQuality {
  /** @type {number[]} */
  #roundTripsMs = [];
  /** @type {number[]} */
  #answersMs = [];
  #isSlow = false;

  /** Null until the first round trip. @returns {Quality | null} */
  get current() {
    const roundTripMs = median(this.#roundTripsMs);
    if (roundTripMs === null) return null;
    return {
      level: this.#isSlow ? "poor" : levelOf(roundTripMs),
      roundTripMs,
      answerMs: median(this.#answersMs),
      answers: this.#answersMs.length,
    };
  }

  /** @param {number} ms */
  roundTrip(ms) {
    this.#roundTripsMs = [...this.#roundTripsMs, ms].slice(-LATEST);
  }

  /** The network takes less sound than the microphone gives, or enough again. @param {boolean} isSlow */
  slow(isSlow) {
    this.#isSlow = isSlow;
  }

  /** @param {number} ms From the end of the speech to the first sound. */
  answered(ms) {
    this.#answersMs.push(ms);
  }

  /** The connection is lost: the next one may be another. */
  lost() {
    this.#roundTripsMs = [];
    this.#isSlow = false;
  }
}

/** @param {number} ms @returns {QualityLevel} */
function levelOf(ms) {
  if (ms <= GOOD_MS) return "good";
  return ms <= FAIR_MS ? "fair" : "poor";
}

/** The p50: of an even number of values the mean of the middle two. @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}
