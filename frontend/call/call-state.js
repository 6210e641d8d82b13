/**
 * Where a call stands, as one word, from facts that may arrive in any order. Pure.
 *
 * What happened is a row in CHANGES; what the facts amount to is the first row of RULES that holds.
 * A table of facts survives what a graph of transitions does not: an answer that ends before its
 * sound has, a cut before the answer's end, a lost connection in the middle of a word.
 */

/**
 * @typedef {"idle" | "asking_microphone" | "connecting" | "listening" | "hearing_you" | "thinking"
 *   | "speaking" | "interrupted" | "reconnecting" | "ended"} StateName
 * @typedef {{
 *   link: "closed" | "connecting" | "open" | "reconnecting" | "ended",
 *   attempt: number,
 *   why: string | null,
 *   isAsking: boolean,
 *   isStarting: boolean,
 *   hasVoice: boolean,
 *   isHearing: boolean,
 *   isAnswering: boolean,
 *   isPlaying: boolean,
 *   wasCut: boolean,
 * }} Facts
 * @typedef {{ name: StateName, attempt: number, why: string | null, hasVoice: boolean }} CallState
 * @typedef {keyof typeof CHANGES} Happening
 */

/** Automatic attempts to come back before the person is asked. */
export const MAX_ATTEMPTS = 3;

/** @type {Readonly<Facts>} */
export const NOTHING_YET = Object.freeze({
  link: "closed",
  attempt: 0,
  why: null,
  isAsking: false,
  isStarting: false,
  hasVoice: false,
  isHearing: false,
  isAnswering: false,
  isPlaying: false,
  wasCut: false,
});

const NO_MICROPHONE = { isAsking: false, isStarting: false };
const SILENCE = { isHearing: false, isAnswering: false, isPlaying: false, wasCut: false };

/** @type {(facts: Facts) => Partial<Facts>} */
const cut = (facts) => ({
  isAnswering: false,
  isPlaying: false,
  wasCut: facts.isPlaying || facts.isAnswering,
});

/** What each happening changes. */
export const CHANGES = Object.freeze({
  microphone_asked: () => ({ isAsking: true }),
  /** @param {Facts} facts A device that is opened again later was allowed before. */
  microphone_allowed: (facts) => ({ isAsking: false, isStarting: facts.isAsking }),
  microphone_refused: () => NO_MICROPHONE,
  voice_started: () => ({ ...NO_MICROPHONE, hasVoice: true }),
  voice_stopped: () => ({ ...NO_MICROPHONE, hasVoice: false, ...SILENCE }),
  connecting: () => ({ link: "connecting", attempt: 0, why: null, ...SILENCE }),
  ready: () => ({ link: "open", attempt: 0, why: null }),
  /** @param {Facts} _facts @param {{ attempt?: number }} detail */
  reconnecting: (_facts, { attempt = 1 }) => ({ link: "reconnecting", attempt, ...SILENCE }),
  /** @param {Facts} _facts @param {{ why?: string }} detail */
  ended: (_facts, { why = "internal" }) => ({
    link: "ended",
    why,
    attempt: 0,
    hasVoice: false,
    ...SILENCE,
  }),
  closed: () => ({ link: "closed", why: null, attempt: 0, hasVoice: false, ...SILENCE }),
  /** @param {Facts} facts */
  speech_started: (facts) => ({ ...cut(facts), wasCut: facts.isPlaying, isHearing: true }),
  speech_stopped: () => ({ isHearing: false, isAnswering: true, wasCut: false }),
  speech_dropped: () => ({ isHearing: false, wasCut: false }),
  answer_asked: () => ({ isAnswering: true }),
  answer_started: () => ({ isAnswering: true, wasCut: false }),
  answer_ended: () => ({ isAnswering: false }),
  sound_started: () => ({ isPlaying: true, wasCut: false }),
  sound_ended: () => ({ isPlaying: false }),
  answer_cut: cut,
  cut_shown: () => ({ wasCut: false }),
});

/** @type {ReadonlyArray<readonly [StateName, (facts: Facts) => boolean]>} */
const RULES = [
  ["asking_microphone", (facts) => facts.isAsking],
  ["connecting", (facts) => facts.link === "connecting" || facts.isStarting],
  ["reconnecting", (facts) => facts.link === "reconnecting"],
  // The microphone is asked before the call is opened, which then follows at once.
  ["connecting", (facts) => (facts.link === "closed" || facts.link === "ended") && facts.hasVoice],
  ["ended", (facts) => facts.link === "ended"],
  ["idle", (facts) => facts.link === "closed"],
  ["interrupted", (facts) => facts.wasCut],
  ["hearing_you", (facts) => facts.isHearing],
  ["speaking", (facts) => facts.isPlaying],
  ["thinking", (facts) => facts.isAnswering],
  ["listening", (facts) => facts.hasVoice],
  ["idle", () => true],
];

/** Every word that `stateOf` can answer. */
export const STATES = Object.freeze([...new Set(RULES.map(([name]) => name))]);

/**
 * The facts after something happened.
 *
 * @param {Facts} facts
 * @param {Happening} happening
 * @param {{ attempt?: number, why?: string }} [detail]
 * @returns {Facts}
 */
export function after(facts, happening, detail = {}) {
  const change = /** @type {(facts: Facts, detail: object) => Partial<Facts>} */ (
    CHANGES[happening]
  );
  return { ...facts, ...change(facts, detail) };
}

/**
 * What the facts amount to.
 *
 * @param {Facts} facts
 * @returns {CallState}
 */
export function stateOf(facts) {
  const rule = RULES.find(([, holds]) => holds(facts));
  const { attempt, why, hasVoice } = facts;
  return { name: rule ? rule[0] : "idle", attempt, why, hasVoice };
}

/**
 * How long "interrupted" is shown. What one is saying matters more than what it has stopped.
 *
 * @param {Facts} facts
 * @returns {number} Milliseconds.
 */
export function cutShownMs({ isHearing }) {
  return isHearing ? 300 : 1200;
}

/**
 * What the person's own microphone does, which the server cannot know.
 *
 * @typedef {{ isMuted: boolean, isWaitingForPress: boolean, hasNoMicrophone: boolean }} Own
 * @typedef {StateName | "no_microphone" | "muted" | "waiting_for_press"} ShownName
 * @typedef {ShownName | "no_microphone_answering" | "muted_answering" | "press_to_cut_in"} HintName
 */

/** States in which one would be heard, were it not for one's own microphone. */
const IN_CALL = new Set([
  "connecting",
  "listening",
  "hearing_you",
  "thinking",
  "speaking",
  "interrupted",
]);
/** States with something to stop. */
const ANSWERING = new Set(["thinking", "speaking"]);

/**
 * The word for a state and what to do in it: listening to a microphone that sends nothing would be
 * a lie, and so would "speak to cut in".
 *
 * @param {CallState} state
 * @param {Own} own
 * @returns {{ name: ShownName, hint: HintName }}
 */
export function shownOf({ name, hasVoice }, own) {
  const silence = hasVoice ? silenceOf(own) : null;
  const shown = name === "listening" && silence ? silence : name;
  if (!silence || !IN_CALL.has(name)) return { name: shown, hint: shown };
  if (silence === "waiting_for_press") {
    return { name: shown, hint: name === "speaking" ? "press_to_cut_in" : shown };
  }
  return { name: shown, hint: ANSWERING.has(name) ? `${silence}_answering` : silence };
}

/** @param {Own} own */
function silenceOf({ isMuted, isWaitingForPress, hasNoMicrophone }) {
  if (hasNoMicrophone) return "no_microphone";
  if (isMuted) return "muted";
  return isWaitingForPress ? "waiting_for_press" : null;
}
