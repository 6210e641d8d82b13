/**
 * Plays the answers of a WebRTC call, which come as a media stream, in an audio element. Has the methods of
 * `speaker.js` that a call needs; loaded only with such a call.
 *
 * The provider says when the sound of a response begins and ends (`output_audio_buffer.*`), and not how long
 * it is: that is estimated from its words. An interruption mutes the element at once, since what is under way
 * would be heard for another 0.1 s (measured: 107 to 116 ms after `output_audio_buffer.clear`); the next
 * response that begins is heard again.
 */

import { spokenMs } from "../transcript/heard.js";

/** @import { Cut } from "./speaker.js" */

/** How often the position is reported, as by the playback worklet. */
const POSITION_MS = 100;
/** From the network to the loudspeaker: the browser's jitter buffer (measured: 38 to 40 ms). */
const JITTER_BUFFER_MS = 40;
/** Speech is at most so much slower than the estimate; then its end was lost. */
const SLOWEST = 3;
const LATE_MS = 10_000;
/** As in `speaker.js`. */
const LEVEL_SAMPLES = 1024;

/**
 * @typedef {Pick<HTMLAudioElement, "play" | "pause" | "muted" | "volume" | "srcObject">} AudioElement
 * @typedef {{
 *   onStart: (itemId: string, contentIndex: number, isSilent: boolean) => void,
 *   onPosition: (itemId: string, contentIndex: number, playedMs: number) => void,
 *   onEnded: (itemId: string, contentIndex: number) => void,
 *   createElement?: () => AudioElement,
 *   now?: () => number,
 * }} RemoteSoundOptions The events are those of `speaker.js`.
 * @typedef {{ itemId: string, contentIndex: number, text: string }} SpokenPart
 * @typedef {{ parts: SpokenPart[], startedAtMs: number | null }} Output The sound of one response.
 */

export class RemoteSound {
  #options;
  #now;
  /** @type {AudioElement | null} Exists as long as there is a stream. */
  #element = null;
  /** Nothing is heard before an answer begins. */
  #isMuted = true;
  #volume = 1;
  /** @type {Map<string, Output>} By response id: those that are not heard to their end. */
  #outputs = new Map();
  /** @type {Set<string>} Ids of the responses that were cut off or heard. */
  #over = new Set();
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AnalyserNode | null} */
  #analyser = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  #latest = new Float32Array(LEVEL_SAMPLES);
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {RemoteSoundOptions} options */
  constructor(options) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Time from the provider's report to the loudspeaker. */
  get latencyMs() {
    return JITTER_BUFFER_MS;
  }

  /** The level of the sound that is heard at this moment, as a fraction of full scale. */
  get playedRms() {
    if (!this.#analyser || this.#isMuted) return 0;
    this.#analyser.getFloatTimeDomainData(this.#latest);
    return Math.sqrt(this.#latest.reduce((sum, each) => sum + each * each, 0) / LEVEL_SAMPLES);
  }

  /** Play this stream, or none any more; `flush()` still says what was heard. @param {MediaStream | null} stream */
  setStream(stream) {
    this.#element?.pause();
    if (this.#element) this.#element.srcObject = null;
    this.#element = null;
    this.#stream = stream;
    this.#isMuted = true;
    if (stream) {
      this.#element = (this.#options.createElement ?? (() => new Audio()))();
      this.#element.srcObject = stream;
      this.#element.muted = true;
      this.#element.volume = this.#volume;
      this.resume();
    }
    this.#measure();
  }

  /** @param {boolean} isMuted */
  #setMuted(isMuted) {
    this.#isMuted = isMuted;
    if (this.#element) this.#element.muted = isMuted;
  }

  /** Measure the level with this context, or not at all. @param {AudioContext | null} context */
  setContext(context) {
    this.#context = context;
    this.#measure();
  }

  /** Try to play. In a tap the browser allows it. */
  resume() {
    this.#element?.play().catch(() => {});
  }

  /** @param {number} volume 0..1 */
  setVolume(volume) {
    this.#volume = Math.max(0, Math.min(1, volume));
    if (this.#element) this.#element.volume = this.#volume;
  }

  /**
   * Words of a spoken answer: how long they take is added to its expected length.
   *
   * @param {string} responseId
   * @param {string} itemId
   * @param {number} contentIndex
   * @param {string} text
   * @returns {number} The expected length of this part's sound, in milliseconds; 0 if none will be heard.
   */
  addText(responseId, itemId, contentIndex, text) {
    if (this.#over.has(responseId)) return 0;
    const output = this.#outputs.get(responseId) ?? { parts: [], startedAtMs: null };
    this.#outputs.set(responseId, output);
    const isOf = (/** @type {SpokenPart} */ each) =>
      each.itemId === itemId && each.contentIndex === contentIndex;
    const part = output.parts.find(isOf) ?? { itemId, contentIndex, text: "" };
    if (!output.parts.includes(part)) output.parts.push(part);
    part.text += text;
    return spokenMs(part.text);
  }

  /** The sound of a response begins. @param {string} responseId */
  started(responseId) {
    if (this.#over.has(responseId)) return;
    const output = this.#outputs.get(responseId) ?? { parts: [], startedAtMs: null };
    this.#outputs.set(responseId, output);
    // They play one after the other: the end of another was lost.
    for (const [id, { startedAtMs }] of this.#outputs) {
      if (id !== responseId && startedAtMs !== null) this.stopped(id);
    }
    this.#setMuted(false);
    this.resume();
    if (output.startedAtMs !== null) return;
    output.startedAtMs = this.#now();
    const { itemId, contentIndex } = output.parts[0] ?? { itemId: "", contentIndex: 0 };
    this.#options.onStart(itemId, contentIndex, false);
    this.#timer ??= setInterval(() => this.#report(), POSITION_MS);
  }

  /** The sound of a response was heard to its end. @param {string} responseId */
  stopped(responseId) {
    const output = this.#outputs.get(responseId);
    this.#over.add(responseId);
    this.#outputs.delete(responseId);
    this.#stopReporting();
    if (!output) return;
    const parts = output.parts.length > 0 ? output.parts : [{ itemId: "", contentIndex: 0 }];
    for (const { itemId, contentIndex } of parts) this.#options.onEnded(itemId, contentIndex);
  }

  /** Whether a response sounds, or has words that will. */
  get isPlaying() {
    return this.#outputs.size > 0;
  }

  /** Be silent at once, until the next response begins. @returns {Promise<Cut[]>} What was heard of each part. */
  async flush() {
    const cuts = this.heardSoFar();
    this.#setMuted(true);
    for (const responseId of this.#outputs.keys()) this.#over.add(responseId);
    this.#outputs.clear();
    this.#stopReporting();
    return cuts;
  }

  /** How much of each part was heard by now. @returns {Cut[]} */
  heardSoFar() {
    return [...this.#outputs.values()].flatMap((output) =>
      this.#positionsOf(output, JITTER_BUFFER_MS).map(({ itemId, contentIndex, playedMs }) => ({
        itemId,
        contentIndex,
        heardMs: Math.floor(playedMs),
        wasAllHeard: false,
      })),
    );
  }

  #report() {
    for (const output of this.#outputs.values()) {
      if (output.startedAtMs === null) continue;
      const expectedMs = output.parts.reduce((sum, { text }) => sum + spokenMs(text), 0);
      if (this.#now() - output.startedAtMs > SLOWEST * expectedMs + LATE_MS) continue;
      for (const { itemId, contentIndex, playedMs } of this.#positionsOf(output, 0)) {
        this.#options.onPosition(itemId, contentIndex, playedMs);
      }
    }
  }

  #stopReporting() {
    if ([...this.#outputs.values()].some(({ startedAtMs }) => startedAtMs !== null)) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** How far each part was played: one after the other, the last one as far as the time goes.
   * @param {Output} output @param {number} latencyMs */
  #positionsOf({ parts, startedAtMs }, latencyMs) {
    let leftMs = startedAtMs === null ? 0 : Math.max(0, this.#now() - startedAtMs - latencyMs);
    return parts.map(({ itemId, contentIndex, text }, index) => {
      const isLast = index === parts.length - 1;
      const playedMs = isLast ? leftMs : Math.min(leftMs, spokenMs(text));
      leftMs -= playedMs;
      return { itemId, contentIndex, playedMs };
    });
  }

  #measure() {
    this.#source?.disconnect();
    this.#source = null;
    this.#analyser = null;
    const context = this.#context;
    if (!context || context.state === "closed" || !this.#stream) return;
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = LEVEL_SAMPLES;
    this.#source = context.createMediaStreamSource(this.#stream);
    this.#source.connect(this.#analyser);
  }
}
