/**
 * The state of a call, derived from facts whose changes may arrive in any order. Pure.
 *
 * CHANGES says how each event changes the facts; the state is the first row of RULES that holds. A
 * table of facts copes with what a graph of transitions does not: an answer that ends before its
 * sound does, an interruption before the answer's end, a connection lost in the middle of a word.
 */

/**
 * @typedef {"idle" | "asking_microphone" | "connecting" | "listening" | "hearing_you" | "thinking"
 *   | "writing" | "speaking" | "interrupted" | "reconnecting" | "ended" | "loading" | "not_loaded"} StateName
 *   The page sets the last two, of a conversation that is not loaded (yet). `writing` is the state
 *   of an answer whose text appears without a sound: that of a typed message, which needs no call (the page
 *   sets it), and a spoken one that cannot be played.
 * @typedef {{
 *   link: "closed" | "connecting" | "open" | "reconnecting" | "ended",
 *   attempt: number,
 *   reason: string | null,
 *   isAsking: boolean,
 *   isStarting: boolean,
 *   hasVoice: boolean,
 *   isHearing: boolean,
 *   isAnswering: boolean,
 *   isPlaying: boolean,
 *   isBlocked: boolean,
 *   wasCut: boolean,
 *   isResting: boolean,
 *   isRenewing: boolean,
 *   detail: Record<string, string> | null,
 * }} Facts `attempt` counts reconnections; `reason` is the ending of the last call, if it ended, or why
 *   the connection is lost (reconnect.js); `detail` has values for the sentence about the ending;
 *   `isResting`: the microphone is released until the connection is back; `isRenewing`: the server has
 *   lost its connection to the provider, and is opening another one; `isPlaying` also while the
 *   answer passes in silence because sound is blocked (`isBlocked`).
 * @typedef {{
 *   name: StateName, attempt: number, reason: string | null, hasVoice: boolean,
 *   isResting?: true, detail?: Record<string, string>, wasOpen?: boolean,
 * }} CallState `wasOpen`, which the page sets: whether a call of this conversation was ever open.
 * @typedef {keyof typeof CHANGES} Change
 * @typedef {{ attempt?: number, reason?: string, detail?: Record<string, string> }} ChangeDetail
 */

/** @type {Readonly<Facts>} */
export const INITIAL_FACTS = Object.freeze({
  link: "closed",
  attempt: 0,
  reason: null,
  isAsking: false,
  isStarting: false,
  hasVoice: false,
  isHearing: false,
  isAnswering: false,
  isPlaying: false,
  isBlocked: false,
  wasCut: false,
  isResting: false,
  isRenewing: false,
  detail: null,
});

const NO_MICROPHONE = { isAsking: false, isStarting: false, isResting: false };
const NO_OUTAGE = {
  attempt: 0,
  reason: null,
  detail: null,
  isResting: false,
  isRenewing: false,
};
const NO_SOUND = { isHearing: false, isAnswering: false, isPlaying: false, wasCut: false };

/** @type {(facts: Facts) => Partial<Facts>} */
const cut = (facts) => ({
  isAnswering: false,
  isPlaying: false,
  wasCut: facts.isPlaying || facts.isAnswering,
});

/** The facts that each change sets. */
export const CHANGES = Object.freeze({
  microphone_asked: () => ({ isAsking: true }),
  /** @param {Facts} facts `isStarting` follows a question only: a device opened again later was allowed before. */
  microphone_allowed: (facts) => ({ isAsking: false, isStarting: facts.isAsking }),
  microphone_refused: () => NO_MICROPHONE,
  voice_started: () => ({ ...NO_MICROPHONE, hasVoice: true }),
  voice_stopped: () => ({ ...NO_MICROPHONE, hasVoice: false, isBlocked: false, ...NO_SOUND }),
  connecting: () => ({ ...NO_OUTAGE, link: "connecting", ...NO_SOUND }),
  ready: () => ({ ...NO_OUTAGE, link: "open" }),
  /** @param {Facts} _facts @param {ChangeDetail} detail */
  reconnecting: (_facts, { attempt = 1, reason = "no_network" }) => ({
    link: "reconnecting",
    attempt,
    reason,
    isRenewing: false,
    ...NO_SOUND,
  }),
  renewing: () => ({ isRenewing: true, reason: "provider_lost", ...NO_SOUND }),
  renewed: () => NO_OUTAGE,
  microphone_rested: () => ({ isResting: true }),
  /** @param {Facts} _facts @param {ChangeDetail} detail */
  ended: (_facts, { reason = "internal", detail }) => ({
    ...NO_OUTAGE,
    link: "ended",
    reason,
    detail: detail ?? null,
    hasVoice: false,
    ...NO_SOUND,
  }),
  closed: () => ({ ...NO_OUTAGE, link: "closed", hasVoice: false, ...NO_SOUND }),
  /** @param {Facts} facts */
  speech_started: (facts) => ({ ...cut(facts), wasCut: facts.isPlaying, isHearing: true }),
  speech_stopped: () => ({ isHearing: false, isAnswering: true, wasCut: false }),
  speech_dropped: () => ({ isHearing: false, wasCut: false }),
  answer_asked: () => ({ isAnswering: true }),
  answer_started: () => ({ isAnswering: true, wasCut: false }),
  answer_ended: () => ({ isAnswering: false }),
  sound_started: () => ({ isPlaying: true, wasCut: false }),
  sound_ended: () => ({ isPlaying: false }),
  sound_blocked: () => ({ isBlocked: true }),
  sound_allowed: () => ({ isBlocked: false }),
  answer_cut: cut,
  cut_shown: () => ({ wasCut: false }),
});

/** @type {ReadonlyArray<readonly [StateName, (facts: Facts) => boolean]>} */
const RULES = [
  ["asking_microphone", (facts) => facts.isAsking],
  ["connecting", (facts) => facts.link === "connecting" || facts.isStarting],
  ["reconnecting", (facts) => facts.link === "reconnecting" || facts.isRenewing],
  // The microphone is asked for before the call is opened, which follows at once.
  ["connecting", (facts) => (facts.link === "closed" || facts.link === "ended") && facts.hasVoice],
  ["ended", (facts) => facts.link === "ended"],
  ["idle", (facts) => facts.link === "closed"],
  ["interrupted", (facts) => facts.wasCut],
  ["hearing_you", (facts) => facts.isHearing],
  ["writing", (facts) => facts.isPlaying && facts.isBlocked],
  ["speaking", (facts) => facts.isPlaying],
  ["thinking", (facts) => facts.isAnswering],
  ["listening", (facts) => facts.hasVoice],
  ["idle", () => true],
];

/** Every name that `stateOf` can return. */
export const STATES = Object.freeze([...new Set(RULES.map(([name]) => name))]);

/**
 * The facts after a change. The given facts are not modified.
 *
 * @param {Facts} facts
 * @param {Change} change
 * @param {ChangeDetail} [detail]
 * @returns {Facts}
 */
export function after(facts, change, detail = {}) {
  const changed = /** @type {(facts: Facts, detail: object) => Partial<Facts>} */ (CHANGES[change]);
  return { ...facts, ...changed(facts, detail) };
}

/**
 * The state that the facts amount to.
 *
 * @param {Facts} facts
 * @returns {CallState}
 */
export function stateOf(facts) {
  const rule = RULES.find(([, holds]) => holds(facts));
  const { attempt, reason, hasVoice, isResting, detail } = facts;
  const name = rule ? rule[0] : "idle";
  const more = { ...(isResting && { isResting }), ...(detail && { detail }) };
  return { name, attempt, reason, hasVoice, ...more };
}

/**
 * How long the state "interrupted" is shown: briefly when the user speaks, since "hearing you" matters
 * more, and long enough to be read when they pressed a key.
 *
 * @param {Facts} facts
 * @returns {number} Milliseconds.
 */
export function cutShownMs({ isHearing }) {
  return isHearing ? 300 : 1200;
}

/**
 * What the user's microphone does, which the server does not know.
 *
 * @typedef {{
 *   isMuted: boolean, isWaitingForPress: boolean, hasNoMicrophone: boolean, hasNoSound: boolean,
 *   canTalk?: boolean, isSpent?: boolean,
 * }} Own `isWaitingForPress` with push-to-talk while the key is not held; `hasNoSound` while the browser
 *   neither plays nor captures; `canTalk` is false where the browser has no microphone or no sound,
 *   or where no call may be opened; `isSpent` while a budget is used up, so that neither voice nor text works.
 * @typedef {StateName | "no_microphone" | "no_sound" | "muted" | "waiting_for_press" | "not_connected"
 *   | "paused"} ShownName
 * @typedef {ShownName | "idle_without_voice" | "budget_spent" | "no_microphone_answering" | "no_sound_answering" | "muted_answering"
 *   | "press_to_cut_in"} HintName
 */

/** States in which the user would be heard if their microphone sent anything. */
const IN_CALL = new Set([
  "connecting",
  "listening",
  "hearing_you",
  "thinking",
  "writing",
  "speaking",
  "interrupted",
]);
/** States in which there is an answer to stop. */
const ANSWERING = new Set(["thinking", "writing", "speaking"]);

/**
 * The name and the hint to show for a state. With a microphone that sends nothing, "listening" and
 * "speak to interrupt" would be wrong.
 *
 * @param {CallState} state
 * @param {Own} own
 * @returns {{ name: ShownName, hint: HintName }}
 */
export function shownOf({ name, hasVoice, reason, wasOpen }, own) {
  if (own.isSpent && (name === "idle" || name === "ended")) {
    return { name: "paused", hint: "budget_spent" };
  }
  if (name === "idle" && own.canTalk === false) return { name, hint: "idle_without_voice" };
  if (name === "ended") return shownEnding(reason, wasOpen);
  const cause = hasVoice ? silenceCause(own) : null;
  const shown = name === "listening" && cause ? cause : name;
  if (!cause || !IN_CALL.has(name)) return { name: shown, hint: shown };
  if (cause === "waiting_for_press") {
    return { name: shown, hint: name === "speaking" ? "press_to_cut_in" : shown };
  }
  return { name: shown, hint: ANSWERING.has(name) ? `${cause}_answering` : cause };
}

/**
 * @param {string | null} reason
 * @param {boolean} [wasOpen]
 * @returns {{ name: ShownName, hint: HintName }}
 */
function shownEnding(reason, wasOpen) {
  const open = reason === "idle" ? "paused" : "ended";
  // A call that was refused has not ended.
  const name = wasOpen === false ? "not_connected" : open;
  return { name, hint: name };
}

/** Why the microphone sends nothing; null when it does send. @param {Own} own */
function silenceCause({ isMuted, isWaitingForPress, hasNoMicrophone, hasNoSound }) {
  if (hasNoSound) return "no_sound";
  if (hasNoMicrophone) return "no_microphone";
  if (isMuted) return "muted";
  return isWaitingForPress ? "waiting_for_press" : null;
}
