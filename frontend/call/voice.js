/**
 * The person's side of the sound: one AudioContext, the microphone, the speaker, and a screen that
 * stays on. Made in a tap, ended by stop(): after that no device is held.
 */

import { Microphone } from "../audio/microphone.js";
import { Speaker } from "../audio/speaker.js";

/** @import { Chunk, MicrophoneProblem, MicrophoneSettings } from "../audio/microphone.js" */
/** @import { Cut, SpeakerOptions } from "../audio/speaker.js" */

/** An audio thread that does not answer (a phone call came in) must not hold the conversation up. */
const FLUSH_PATIENCE_MS = 500;

/**
 * @typedef {Omit<SpeakerOptions, "context"> & {
 *   onChunk: (chunk: Chunk) => void,
 *   onProblem: (problem: MicrophoneProblem) => void,
 *   onAllowed: () => void,
 * }} VoiceEvents
 */

/**
 * A running context at the device's own rate. To be called in the tap itself, before any await:
 * later, Safari would keep it silent.
 */
export function openAudioContext() {
  const context = new AudioContext({ latencyHint: "interactive" });
  void context.resume();
  const { audioSession } = /** @type {{ audioSession?: { type: string } }} */ (navigator);
  // iOS: otherwise the answer comes from the earpiece, or not at all when the ring switch is off.
  if (audioSession) audioSession.type = "play-and-record";
  return context;
}

/** Microphone and speaker on one context. */
export class Voice {
  #context;
  #microphone;
  #speaker;
  #ending = new AbortController();
  #isStarted = false;
  /** @type {MicrophoneSettings | null} Wanted while the microphone was being opened. */
  #wanted = null;
  /** @type {WakeLockSentinel | null} */
  #wakeLock = null;

  /** @param {AudioContext} context @param {VoiceEvents} events */
  constructor(context, { onChunk, onProblem, onAllowed, ...speakerEvents }) {
    this.#context = context;
    this.#microphone = new Microphone({ context, onChunk, onProblem, onAllowed });
    this.#speaker = new Speaker({ context, ...speakerEvents });
  }

  get context() {
    return this.#context;
  }

  get microphone() {
    return this.#microphone;
  }

  get speaker() {
    return this.#speaker;
  }

  /**
   * Asks for the microphone; answers when it is heard and the speaker is ready.
   *
   * @param {MicrophoneSettings} settings
   * @returns {Promise<boolean>} False if it was stopped meanwhile.
   * @throws {MicrophoneError}
   */
  async start(settings) {
    const { signal } = this.#ending;
    try {
      const isStarted = await this.#microphone.start(settings);
      await this.#speaker.open();
      if (isStarted) await this.#catchUp();
      if (!isStarted || signal.aborted) return false;
    } catch (error) {
      await this.stop();
      throw error;
    }
    document.addEventListener("visibilitychange", () => this.#becameVisible(), { signal });
    void this.#keepAwake();
    return true;
  }

  /** Another device or other settings, without leaving the conversation.
   * @param {MicrophoneSettings} settings */
  async change(settings) {
    this.#wanted = settings;
    // Stopped while one is still asked, it would never have started.
    if (this.#isStarted) await this.#catchUp();
  }

  /** Silence at once; answers what was heard of each item.
   * @returns {Promise<Cut[]>} */
  flush() {
    const soFar = this.#speaker.heardSoFar();
    return Promise.race([
      this.#speaker.flush(),
      new Promise((resolve) => setTimeout(() => resolve(soFar), FLUSH_PATIENCE_MS)),
    ]);
  }

  /** The microphone's light goes off and the sound ends. Harmless when stopped. */
  async stop() {
    this.#ending.abort();
    await Promise.all([this.#microphone.stop(), this.#speaker.close(), this.#wakeLock?.release()]);
    if (this.#context.state !== "closed") await this.#context.close();
  }

  async #catchUp() {
    while (this.#wanted && !this.#ending.signal.aborted) {
      const settings = this.#wanted;
      this.#wanted = null;
      await this.#microphone.stop();
      await this.#microphone.start(settings);
    }
    this.#isStarted = true;
  }

  #becameVisible() {
    if (document.visibilityState !== "visible") return;
    // The browser takes both away in the background.
    void this.#context.resume();
    void this.#keepAwake();
  }

  async #keepAwake() {
    const lock = await navigator.wakeLock?.request("screen").catch(() => null);
    if (this.#ending.signal.aborted) await lock?.release();
    else this.#wakeLock = lock ?? null;
  }
}
