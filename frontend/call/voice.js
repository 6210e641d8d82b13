/**
 * The devices of a voice conversation: one AudioContext, the microphone, the speaker and a wake lock.
 * Created in a tap (a user gesture); after stop() no device is in use.
 */

import { Microphone } from "../audio/microphone.js";
import { SoundOutput } from "../audio/sound-output.js";
import { Speaker } from "../audio/speaker.js";

/** @import { Chunk, MicrophoneProblem, MicrophoneSettings, SoundedDevices } from "../audio/microphone.js" */
/** @import { Cut, SpeakerOptions } from "../audio/speaker.js" */

/** An audio thread that does not answer (a phone call came in) must not block the conversation. */
const FLUSH_TIMEOUT_MS = 500;
/** While no sound can be played, the text goes on so often; that of a position message. */
const PACE_MS = 100;
/** A page that was frozen meanwhile goes on where it stopped. */
const MOST_PACED_MS = 1000;

/**
 * @typedef {Omit<SpeakerOptions, "context"> & {
 *   onChunk: (chunk: Chunk) => void,
 *   onProblem: (problem: MicrophoneProblem) => void,
 *   onAllowed: () => void,
 *   onBlocked: (isBlocked: boolean) => void,
 *   onTrack?: (track: MediaStreamTrack | null) => void,
 * }} VoiceEvents `onTrack` is given the open microphone's track, and null when it is closed. `onBlocked`: no sound can be played or captured, or it can again. Meanwhile the
 *   speaker's events come at the pace of the voice.
 */

/**
 * Create a running context at the device's own sample rate. Call it in the tap itself, before any
 * await: later, Safari would keep it silent.
 */
export function openAudioContext() {
  const context = new AudioContext({ latencyHint: "interactive" });
  context.resume().catch(() => {});
  const { audioSession } = /** @type {{ audioSession?: { type: string } }} */ (navigator);
  // iOS: otherwise the sound comes from the earpiece, or not at all when the ring switch is off.
  if (audioSession) audioSession.type = "play-and-record";
  return context;
}

/** Microphone and speaker on one context. */
export class Voice {
  #context;
  #microphone;
  #speaker;
  #output;
  #onBlocked;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #pacing;
  #ending = new AbortController();
  #isStarted = false;
  /** The microphone is released until `wakeMicrophone()`. */
  #isResting = false;
  /** @type {MicrophoneSettings} The latest. */
  #settings = {};
  /** @type {MicrophoneSettings | null} Settings to apply once the microphone is open. */
  #pendingSettings = null;
  /** @type {WakeLockSentinel | null} */
  #wakeLock = null;

  /**
   * @param {AudioContext} context
   * @param {VoiceEvents} events
   * @param {SoundedDevices} [sounded] The microphones that are known to give sound.
   */
  constructor(context, events, sounded) {
    const { onChunk, onProblem, onAllowed, onBlocked, onTrack, ...speakerEvents } = events;
    this.#context = context;
    this.#onBlocked = onBlocked;
    this.#output = new SoundOutput({ context, onChange: (isBlocked) => this.#blocked(isBlocked) });
    this.#microphone = new Microphone({ context, onChunk, onProblem, onAllowed, onTrack, sounded });
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
   * Ask for the microphone; settle when it sends audio and the speaker is ready.
   *
   * @param {MicrophoneSettings} settings
   * @returns {Promise<boolean>} False if stop() was called meanwhile.
   * @throws {MicrophoneError}
   */
  async start(settings) {
    const { signal } = this.#ending;
    this.#settings = settings;
    this.#output.watch(signal);
    // Answers may come while the browser asks for the microphone. A failure is thrown below.
    this.#speaker.open().catch(() => {});
    try {
      const isStarted = await this.#microphone.start(settings);
      await this.#speaker.open();
      if (isStarted) await this.#applySettings();
      if (!isStarted || signal.aborted) return false;
    } catch (error) {
      await this.stop();
      throw error;
    }
    document.addEventListener("visibilitychange", () => this.#becameVisible(), { signal });
    void this.#keepAwake();
    return true;
  }

  /** Use another device or other settings within the same conversation.
   * @param {MicrophoneSettings} settings */
  async change(settings) {
    this.#settings = settings;
    this.#pendingSettings = settings;
    // Restarted while the browser still asks for permission, the first start would never finish.
    if (this.#isStarted) await this.#applySettings();
  }

  /** Whether the microphone is released until `wakeMicrophone()`. */
  get isResting() {
    return this.#isResting;
  }

  /** Whether the microphone may be open. */
  get #mayListen() {
    return !this.#isResting && !this.#ending.signal.aborted;
  }

  /** Release the microphone, but not the speaker, until `wakeMicrophone()`; new settings wait too. */
  async restMicrophone() {
    this.#isResting = true;
    await this.#microphone.stop();
  }

  /** Open the microphone again with the latest settings. Harmless while it runs. @throws {MicrophoneError} */
  async wakeMicrophone() {
    this.#isResting = false;
    this.#pendingSettings = null;
    if (this.#mayListen) await this.#microphone.start(this.#settings);
  }

  /** Try to turn the sound on. Call it in a tap. */
  resume() {
    this.#output.resume();
  }

  /** Stop all sound at once. Returns what was heard of each item.
   * @returns {Promise<Cut[]>} */
  flush() {
    const soFar = this.#speaker.heardSoFar();
    return Promise.race([
      this.#speaker.flush(),
      new Promise((resolve) => setTimeout(() => resolve(soFar), FLUSH_TIMEOUT_MS)),
    ]);
  }

  /** Release the microphone and the speaker. Harmless when stopped. */
  async stop() {
    this.#ending.abort();
    clearInterval(this.#pacing);
    // The microphone first; what cannot be released keeps nothing else open.
    await Promise.allSettled([
      this.#microphone.stop(),
      this.#speaker.close(),
      this.#wakeLock?.release(),
    ]);
    if (this.#context.state !== "closed") await this.#context.close();
  }

  async #applySettings() {
    while (this.#pendingSettings && this.#mayListen) {
      const settings = this.#pendingSettings;
      this.#pendingSettings = null;
      await this.#microphone.stop();
      if (this.#mayListen) await this.#microphone.start(settings);
    }
    this.#isStarted = true;
  }

  /** @param {boolean} isBlocked */
  #blocked(isBlocked) {
    clearInterval(this.#pacing);
    if (isBlocked) {
      let lastMs = performance.now();
      this.#pacing = setInterval(() => {
        const nowMs = performance.now();
        // Nobody reads in a hidden page.
        if (document.visibilityState !== "hidden") {
          this.#speaker.pace(Math.min(nowMs - lastMs, MOST_PACED_MS));
        }
        lastMs = nowMs;
      }, PACE_MS);
    }
    this.#onBlocked(isBlocked);
  }

  #becameVisible() {
    if (document.visibilityState !== "visible") return;
    // In the background the browser releases the wake lock.
    void this.#keepAwake();
  }

  async #keepAwake() {
    const lock = await navigator.wakeLock?.request("screen").catch(() => null);
    if (this.#ending.signal.aborted) await lock?.release();
    else this.#wakeLock = lock ?? null;
  }
}
