/**
 * How long a call waits for an answer, a transcript and the other events that must come, and what follows
 * when one does not. (For the pauses between attempts to connect: reconnect.js.) The table and its rules are
 * pure; EventTimeouts only holds the timers.
 *
 * Providers lose events: every end that is waited for may never come. None of these timeouts drops the
 * connection, which is healthy as long as `relay.ping` is answered (heartbeat.js). What comes after a
 * limit still counts: a late answer is played, and a late transcription replaces its note.
 */

/** @import { Facts } from "./call-state.js" */

/**
 * @typedef {keyof typeof EVENT_TIMEOUTS} TimeoutName
 * @typedef {"drop_speech" | "stop_thinking" | "give_up_answer" | "end_answer" | "assume_cancelled"
 *   | "end_sound" | "assume_truncated" | "note_lost_transcript" | "close"} Consequence
 * @typedef {{ limitMs: number, atLimit: Consequence, isRestartedByEvents: boolean }} EventTimeout
 *   `isRestartedByEvents`: the time is counted from the server's last event, else from the beginning.
 */

/** @satisfies {Readonly<Record<string, EventTimeout>>} */
export const EVENT_TIMEOUTS = Object.freeze({
  /** "Hearing you", and no `speech_stopped` or `cleared`; counted from the last sound of the microphone. */
  speech_end: { limitMs: 30_000, atLimit: "drop_speech", isRestartedByEvents: true },
  /** The transcription is empty, and no response was created: the provider took it for noise. */
  answer_to_noise: { limitMs: 3000, atLimit: "stop_thinking", isRestartedByEvents: false },
  /** Speech that ended, a typed message, or a response that was created, and nothing comes. It is longer
   * than the heartbeat takes to find a dead connection, whose answer comes after the reconnection. */
  answer: { limitMs: 20_000, atLimit: "give_up_answer", isRestartedByEvents: true },
  /** The answer's item is complete, and `response.done` does not follow. */
  response_end: { limitMs: 5000, atLimit: "end_answer", isRestartedByEvents: true },
  /** The answer was cancelled, by the user or by their speech, and no `response.done` confirms it; a typed message may wait for that. */
  cancellation: { limitMs: 5000, atLimit: "assume_cancelled", isRestartedByEvents: false },
  /** The answer is complete and sounds, and the speaker reports no progress, which it does each 0.1 s. */
  sound: { limitMs: 5000, atLimit: "end_sound", isRestartedByEvents: false },
  /** An answer's sound was cut off, and no `conversation.item.truncated` confirms it: its line would show
   * part of its text for ever. */
  truncation: { limitMs: 5000, atLimit: "assume_truncated", isRestartedByEvents: false },
  /** The text of one piece of speech, or its commit. */
  transcript: { limitMs: 20_000, atLimit: "note_lost_transcript", isRestartedByEvents: false },
  /** The user went back to typing, and the call stays open for what is still owed. */
  leaving: { limitMs: 20_000, atLimit: "close", isRestartedByEvents: true },
});

/**
 * What is waited for in a call, except for transcripts, of which there may be several.
 *
 * @typedef {{
 *   isNoise: boolean, isAnswerComplete: boolean, isCancelling: boolean, isTruncating: boolean,
 *   isLeaving: boolean,
 * }} Progress
 *
 * @type {ReadonlyArray<readonly [TimeoutName, (facts: Facts, progress: Progress) => boolean]>}
 */
const RULES = [
  ["speech_end", (facts) => facts.isHearing],
  ["answer_to_noise", (facts, { isNoise }) => facts.isAnswering && isNoise],
  // While the user speaks, no answer begins.
  ["answer", (facts) => facts.isAnswering && !facts.isHearing],
  ["response_end", (_, { isAnswerComplete }) => isAnswerComplete],
  ["cancellation", (_, { isCancelling }) => isCancelling],
  ["truncation", (_, { isTruncating }) => isTruncating],
  ["sound", (facts) => facts.isPlaying && !facts.isAnswering],
  ["leaving", (_, { isLeaving }) => isLeaving],
];

/**
 * @param {Facts} facts
 * @param {Progress} progress
 * @returns {Set<TimeoutName>} None unless the call is open, and connected to the provider.
 */
export function timeoutsFor(facts, progress) {
  if (facts.link !== "open" || facts.isRenewing) return new Set();
  return new Set(RULES.filter(([, holds]) => holds(facts, progress)).map(([name]) => name));
}

/** The timers of what is waited for now. */
export class EventTimeouts {
  #onLimit;
  /** @type {Map<TimeoutName, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} By item id. */
  #transcripts = new Map();

  /** @param {(consequence: Consequence, itemId: string) => void} onLimit `itemId` is empty except for a transcript. */
  constructor(onLimit) {
    this.#onLimit = onLimit;
  }

  /** Items whose transcript is waited for. */
  get itemIds() {
    return [...this.#transcripts.keys()];
  }

  /** Wait for these and nothing else, but for transcripts; timers that go on keep their time.
   * @param {ReadonlySet<TimeoutName>} names */
  set(names) {
    for (const [name, timer] of this.#timers) {
      if (names.has(name)) continue;
      clearTimeout(timer);
      this.#timers.delete(name);
    }
    for (const name of names) if (!this.#timers.has(name)) this.#start(name);
  }

  /** Something came of this: count its time from zero. Harmless if it is not waited for.
   * @param {TimeoutName} name */
  restart(name) {
    if (this.#timers.has(name)) this.#start(name);
  }

  /** The server sent an event. */
  restartByEvent() {
    for (const name of this.#timers.keys())
      if (EVENT_TIMEOUTS[name].isRestartedByEvents) this.#start(name);
  }

  /** Speech has ended: wait for its text, once. @param {string} itemId */
  addTranscript(itemId) {
    if (this.#transcripts.has(itemId)) return;
    const { limitMs, atLimit } = EVENT_TIMEOUTS.transcript;
    const timer = setTimeout(() => {
      this.#transcripts.delete(itemId);
      this.#onLimit(atLimit, itemId);
    }, limitMs);
    this.#transcripts.set(itemId, timer);
  }

  /** The text came, or failed. Harmless for others. @param {string} itemId */
  endTranscript(itemId) {
    clearTimeout(this.#transcripts.get(itemId));
    this.#transcripts.delete(itemId);
  }

  /** @param {TimeoutName} name */
  #start(name) {
    clearTimeout(this.#timers.get(name));
    const { limitMs, atLimit } = EVENT_TIMEOUTS[name];
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      this.#onLimit(atLimit, "");
    }, limitMs);
    this.#timers.set(name, timer);
  }
}
