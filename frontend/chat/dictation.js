/** Dictation: a recorded clip becomes text in the message box, to be edited and sent by the user. */

import { ApiError } from "../api.js";
import { MicrophoneError } from "../audio/microphone.js";
import { Latest } from "../latest.js";
import { errorText } from "../page/error-text.js";
import { permissionPlace } from "../words/help.js";

/** @import { ClipRecorder } from "../audio/clip-recorder.js" */
/** @import { MicrophoneSettings } from "../audio/microphone.js" */
/** @import { Announcer } from "../views/announcer.js" */
/** @import { DictationView } from "../views/dictation.js" */
/** @import { Words } from "../words/i18n.js" */

/**
 * @typedef {"idle" | "asking" | "recording" | "transcribing" | "failed"} DictationName
 * @typedef {{
 *   name: DictationName, isHeld: boolean, pressedAtMs: number, startedAtMs: number, error: unknown,
 * }} DictationState `asking` waits for the microphone; `isHeld` means that the button has been down
 *   since the recording was asked for.
 * @typedef {"pressed" | "released" | "opened" | "finished" | "cancelled" | "retried" | "transcribed"
 *   | "failed"} DictationEventName
 * @typedef {{ name: DictationEventName, atMs?: number, error?: unknown }} DictationEvent
 * @typedef {"open" | "finish" | "send" | "discard" | null} DictationEffect
 * @typedef {readonly [DictationState, DictationEffect]} Step
 * @typedef {{
 *   isAvailable: boolean, name: DictationName, elapsedMs: number, sentence: string, canRetry: boolean,
 * }} DictationModel
 * @typedef {{
 *   words: Words,
 *   view: Pick<DictationView, "show" | "clearLevel">,
 *   announcer: Pick<Announcer, "say">,
 *   isSupported: boolean,
 *   createRecorder: (onStopped: () => void) => Pick<ClipRecorder, "start" | "finish" | "discard">,
 *   microphone: () => MicrophoneSettings,
 *   sessionNeeded: () => Promise<string>,
 *   transcribe: (sessionId: string, clip: Blob) => Promise<{ text: string }>,
 *   textArrived: (text: string) => void,
 *   now: () => number,
 *   every: (ms: number, tick: () => void) => () => void,
 *   userAgent: string,
 * }} DictationParts `sessionNeeded` returns the id of the open session, which it creates if needed;
 *   `every` starts a timer and returns what stops it.
 */

/** A shorter press is a tap: the recording goes on until the next one. */
export const HOLD_MS = 400;
/** The longest clip that the server takes. */
export const MAX_CLIP_MS = 300_000;
/** The period in which the elapsed time is drawn. */
const TICK_MS = 250;

/** @type {Readonly<DictationState>} */
export const IDLE = Object.freeze({
  name: "idle",
  isHeld: false,
  pressedAtMs: 0,
  startedAtMs: 0,
  error: null,
});

/** @type {(state: DictationState, event: DictationEvent) => Step} */
const ask = (_, { atMs = 0 }) => [
  { ...IDLE, name: "asking", isHeld: true, pressedAtMs: atMs },
  "open",
];
/** @type {(state: DictationState) => Step} */
const finish = (state) => [{ ...state, name: "transcribing" }, "finish"];
/** @type {() => Step} */
const discard = () => [IDLE, "discard"];
/** @type {(state: DictationState, event: DictationEvent) => Step} */
const fail = (_, { error }) => [{ ...IDLE, name: "failed", error }, null];

/** @type {() => Step} */
const beIdle = () => [IDLE, null];

/** By state and event.
 * @type {Record<DictationName, Partial<Record<DictationEventName, (state: DictationState, event: DictationEvent) => Step>>>} */
const STEPS = {
  idle: { pressed: ask },
  asking: {
    pressed: discard,
    // Also when the browser's question took the pointer away: the recording then waits for a tap.
    released: (state) => [{ ...state, isHeld: false }, null],
    opened: (state, { atMs = 0 }) => [{ ...state, name: "recording", startedAtMs: atMs }, null],
    finished: discard,
    cancelled: discard,
    failed: fail,
  },
  recording: {
    pressed: finish,
    released: (state, { atMs = 0 }) =>
      state.isHeld && atMs - state.pressedAtMs >= HOLD_MS
        ? finish(state)
        : [{ ...state, isHeld: false }, null],
    finished: finish,
    cancelled: discard,
    failed: fail,
  },
  transcribing: { transcribed: beIdle, cancelled: discard, failed: fail },
  failed: {
    pressed: ask,
    retried: (state) => [{ ...state, name: "transcribing" }, "send"],
    cancelled: discard,
  },
};

/**
 * The state after an event, and what to do. An event that means nothing in a state changes nothing.
 * Pure.
 *
 * @param {DictationState} state
 * @param {DictationEvent} event
 * @returns {Step}
 */
export function stepAfter(state, event) {
  return STEPS[state.name][event.name]?.(state, event) ?? [state, null];
}

/** The operator must act, not the user. */
const NEEDS_OPERATOR = new Set(["transcription_refused", "transcription_model_unknown"]);

/** Whether sending the same clip again may help. Pure. @param {unknown} error */
export function mayBeSentAgain(error) {
  if (!(error instanceof ApiError)) return false;
  // A budget may have been raised.
  if (error.code === "budget_spent") return true;
  const isOverloaded = error.status === 0 || error.status === 429 || error.status >= 500;
  return isOverloaded && !NEEDS_OPERATOR.has(error.code);
}

/** Whether a letter's script is written without spaces between words. */
const SPACELESS = /[\s\p{sc=Hira}\p{sc=Kana}\p{sc=Han}\u3000-\u303f\uff00-\uffef]/u;

/**
 * A text as it is to be inserted between two others: with a space where words would run together.
 * Pure.
 *
 * @param {string} before
 * @param {string} text
 * @param {string} after
 */
export function spaced(before, text, after) {
  /** @type {(left: string | undefined, right: string | undefined) => string} */
  const gap = (left, right) =>
    left && right && !SPACELESS.test(left) && !SPACELESS.test(right) ? " " : "";
  const [last, first] = [[...before].at(-1), [...after][0]];
  return gap(last, [...text][0]) + text + gap([...text].at(-1), first);
}

/** Records, has the clip transcribed, and hands the text over. One clip at a time. */
export class Dictation {
  #parts;
  #state = /** @type {DictationState} */ (IDLE);
  #isCallLive = false;
  /** @type {ReturnType<DictationParts["createRecorder"]> | null} */
  #recorder = null;
  /** @type {Blob | null} Kept until it is transcribed, so that it can be sent again. */
  #clip = null;
  #stopTimer = () => {};
  /** Of several clips, the latest counts. */
  #latest = new Latest();

  /** @param {DictationParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  get name() {
    return this.#state.name;
  }

  /** The button is down. */
  press() {
    if (this.#isAvailable) this.#happened("pressed");
  }

  /** The button was released, or the pointer was taken away. */
  release() {
    this.#happened("released");
  }

  /** The button was clicked without a pointer: by a key, a screen reader or a switch device. */
  click() {
    this.press();
    this.release();
  }

  finish() {
    this.#happened("finished");
  }

  /** Forget the clip, whatever is being done with it. Harmless when there is none. */
  cancel() {
    this.#happened("cancelled");
  }

  /** Send the failed clip again. */
  retry() {
    if (this.#clip) this.#happened("retried");
  }

  /**
   * A call has the microphone to itself: there is no dictation while one is live, and a clip that is
   * being recorded ends.
   *
   * @param {boolean} isLive
   */
  callChanged(isLive) {
    if (this.#isCallLive === isLive) return;
    this.#isCallLive = isLive;
    if (isLive) this.finish();
    this.draw();
  }

  /** Show the current state, in the current language. */
  draw() {
    const { name, error, startedAtMs } = this.#state;
    this.#parts.view.show({
      isAvailable: this.#isAvailable,
      name,
      elapsedMs: name === "recording" ? this.#parts.now() - startedAtMs : 0,
      sentence: name === "failed" ? this.#sentenceFor(error) : "",
      canRetry: name === "failed" && this.#clip !== null && mayBeSentAgain(error),
    });
  }

  get #isAvailable() {
    return this.#parts.isSupported && !this.#isCallLive;
  }

  /** @param {DictationEventName} name @param {unknown} [error] */
  #happened(name, error) {
    const before = this.#state.name;
    const [state, effect] = stepAfter(this.#state, { name, atMs: this.#parts.now(), error });
    this.#state = state;
    if (state.name !== before) this.#entered(state.name);
    if (effect) this.#effects[effect]();
    this.draw();
  }

  /** @param {DictationName} name */
  #entered(name) {
    const { announcer, every, words } = this.#parts;
    this.#stopTimer();
    this.#stopTimer = name === "recording" ? every(TICK_MS, () => this.#tick()) : () => {};
    if (name === "recording") announcer.say(words.say("dictation.recording"));
    if (name === "transcribing") announcer.say(words.say("dictation.transcribing"));
  }

  #tick() {
    if (this.#parts.now() - this.#state.startedAtMs >= MAX_CLIP_MS) this.finish();
    else this.draw();
  }

  #effects = Object.freeze({
    open: () => void this.#open(),
    finish: () => void this.#finishAndSend(),
    send: () => void this.#send(),
    discard: () => this.#discard(),
  });

  async #open() {
    this.#discard();
    const signal = this.#latest.next();
    this.#parts.view.clearLevel();
    try {
      const recorder = this.#parts.createRecorder(() => {
        if (!signal.aborted) this.finish();
      });
      this.#recorder = recorder;
      const isOpen = await recorder.start(this.#parts.microphone());
      if (isOpen && !signal.aborted) this.#happened("opened");
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
    }
  }

  /** Close the microphone, which may be open already, and say why. @param {unknown} error */
  #failed(error) {
    this.#discard();
    this.#happened("failed", error);
  }

  async #finishAndSend() {
    const signal = this.#latest.next();
    try {
      const clip = await this.#recorder?.finish();
      if (signal.aborted) return;
      this.#recorder = null;
      this.#clip = clip ?? null;
    } catch (error) {
      return signal.aborted ? undefined : this.#failed(error);
    }
    await this.#send();
  }

  async #send() {
    const { sessionNeeded, textArrived, transcribe } = this.#parts;
    const signal = this.#latest.next();
    try {
      const sessionId = await sessionNeeded();
      if (signal.aborted || !this.#clip) return;
      const { text } = await transcribe(sessionId, this.#clip);
      if (signal.aborted) return;
      this.#clip = null;
      this.#happened("transcribed");
      textArrived(text);
    } catch (error) {
      if (!signal.aborted) this.#happened("failed", error);
    }
  }

  #discard() {
    this.#latest.cancel();
    this.#recorder?.discard();
    this.#recorder = null;
    this.#clip = null;
  }

  /** What happened and what to do. @param {unknown} error */
  #sentenceFor(error) {
    const { userAgent, words } = this.#parts;
    if (!(error instanceof MicrophoneError)) return errorText(words, error);
    if (error.kind === "denied") {
      return words.say(`help.microphone_denied.${permissionPlace(userAgent)}`);
    }
    return words.say(`help.microphone_${error.kind}.text`);
  }
}
