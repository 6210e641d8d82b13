/** Plays the model's audio, one content part after the other, and counts exactly what was heard. */

import { SAMPLES_PER_MS } from "./pcm.js";

/** @import { PlaybackCommand, PlaybackMessage, Progress } from "./playback-worklet.js" */

const WORKLET_URL = new URL("./playback-worklet.js", import.meta.url);

/** Long enough for a change of volume not to click. */
const VOLUME_RAMP_S = 0.02;

/** About 20 ms of the device's rate: one frame of the picture that shows the level. */
const LEVEL_SAMPLES = 1024;

/**
 * How much of one content part was heard when playback was cut off.
 * @typedef {object} Cut
 * @property {string} itemId
 * @property {number} contentIndex
 * @property {number} heardMs Audio that had left the loudspeaker, in whole milliseconds.
 * @property {boolean} wasAllHeard The part was finished and played to its end: nothing to truncate.
 */

/** @typedef {Progress & { shownSamples: number }} Queued `shownSamples` is how far the part would have
 *   been played by now, as far as the context stood still. */

/**
 * @typedef {object} SpeakerOptions
 * @property {AudioContext} context Created and resumed in a user gesture by its owner.
 * @property {(itemId: string, contentIndex: number, isSilent: boolean) => void} onStart Silent: only
 *   its text goes on, by `pace()`.
 * @property {(itemId: string, contentIndex: number, playedMs: number) => void} onPosition At most
 *   ten times a second for each content part.
 * @property {(itemId: string, contentIndex: number) => void} onEnded The last sample was played,
 *   or passed in silence, and no more will come. Not called for a part that was cut off.
 */

export class Speaker {
  #context;
  #events;
  #volume;
  #closing = new AbortController();
  /** @type {AudioWorkletNode | null} */
  #node = null;
  /** @type {Promise<void> | null} */
  #opening = null;
  /** @type {Map<string, Queued>} Parts to play, in that order, as of their last position message. */
  #queued = new Map();
  /** @type {[PlaybackCommand, Transferable[]][]} Commands from before the worklet was loaded. */
  #early = [];
  /** @type {Set<string>} Parts that have ended or were cut off. */
  #doneKeys = new Set();
  /** @type {{ resolve: (cuts: Cut[]) => void, soFar: Cut[] }[]} */
  #pendingFlushes = [];
  /** @type {AnalyserNode | null} The sound before the volume: a quiet setting hides no voice. */
  #analyser = null;
  #latest = new Float32Array(LEVEL_SAMPLES);

  /** @param {SpeakerOptions} options */
  constructor({ context, ...events }) {
    this.#context = context;
    this.#events = events;
    this.#volume = context.createGain();
  }

  /** The last node before the device; a test can record from it. */
  get tap() {
    return this.#volume;
  }

  /** Time from the worklet's output to the loudspeaker. */
  get latencyMs() {
    return latencyMsOf(this.#context, navigator.userAgent);
  }

  /** The level of the last sound that was played, as a fraction of full scale. */
  get playedRms() {
    if (!this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#latest);
    return Math.sqrt(this.#latest.reduce((sum, each) => sum + each * each, 0) / LEVEL_SAMPLES);
  }

  /** Load the worklet; until then nothing is played. Harmless when open. May be tried again. */
  open() {
    this.#opening ??= this.#openNode().catch((error) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  /**
   * Append samples to a content part; a new part is queued behind the others. Ignored for a part that
   * has ended or was cut off.
   * @param {string} itemId
   * @param {number} contentIndex
   * @param {Int16Array} pcm 24 kHz, mono; copied.
   */
  play(itemId, contentIndex, pcm) {
    const key = keyOf(itemId, contentIndex);
    if (this.#doneKeys.has(key) || pcm.length === 0) return;
    const {
      playedSamples = 0,
      receivedSamples = 0,
      shownSamples = 0,
    } = this.#queued.get(key) ?? {};
    this.#queued.set(key, {
      itemId,
      contentIndex,
      playedSamples,
      shownSamples,
      receivedSamples: receivedSamples + pcm.length,
      isFinished: false,
    });
    const copy = pcm.slice();
    this.#post({ verb: "play", itemId, contentIndex, pcm: copy }, [copy.buffer]);
  }

  /**
   * No more samples will come for this part: play it to its end without waiting for more.
   * @param {string} itemId
   * @param {number} contentIndex
   */
  finish(itemId, contentIndex) {
    const progress = this.#queued.get(keyOf(itemId, contentIndex));
    if (progress) progress.isFinished = true;
    this.#post({ verb: "finish", itemId, contentIndex });
  }

  /**
   * The context stands still: report how far the voice would have come in the meantime. A part that
   * passes whole in this way is not played any more. Nothing of it counts as heard.
   * @param {number} elapsedMs Since the last call, or since the context stands still.
   */
  pace(elapsedMs) {
    const steps = stepsOf([...this.#queued.values()], elapsedMs * SAMPLES_PER_MS);
    for (const { part, shownSamples, isEnded } of steps) {
      const { itemId, contentIndex, playedSamples } = part;
      const isStart = playedSamples === 0 && part.shownSamples === 0 && shownSamples > 0;
      part.shownSamples = shownSamples;
      if (isStart) this.#events.onStart(itemId, contentIndex, true);
      this.#events.onPosition(itemId, contentIndex, shownSamples / SAMPLES_PER_MS);
      if (!isEnded) continue;
      this.#post({ verb: "drop", itemId, contentIndex });
      this.#end(itemId, contentIndex);
    }
  }

  /**
   * Stop playing at once and empty the queue.
   * @returns {Promise<Cut[]>} How much of each part was heard: the playing one first, then the queued.
   */
  flush() {
    const soFar = this.heardSoFar();
    for (const key of this.#queued.keys()) this.#doneKeys.add(key);
    this.#queued.clear();
    if (!this.#node) {
      this.#early = [];
      return Promise.resolve(soFar);
    }
    this.#post({ verb: "flush" });
    return new Promise((resolve) => this.#pendingFlushes.push({ resolve, soFar }));
  }

  /**
   * How much of each part was heard as of its last position message, at most 0.1 s old: for callers
   * that cannot wait for `flush()`.
   * @returns {Cut[]}
   */
  heardSoFar() {
    return [...this.#queued.values()].map((progress) => cutFrom(progress, this.latencyMs));
  }

  /** @param {number} volume 0..1 */
  setVolume(volume) {
    const { gain } = this.#volume;
    const now = this.#context.currentTime;
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(gain.value, now);
    gain.linearRampToValueAtTime(Math.max(0, Math.min(1, volume)), now + VOLUME_RAMP_S);
  }

  /** Stop for good. Harmless when closed. Does not close the context. */
  async close() {
    this.#closing.abort();
    this.#post({ verb: "stop" });
    this.#node?.disconnect();
    this.#node = null;
    this.#analyser = null;
    this.#volume.disconnect();
    for (const { resolve, soFar } of this.#pendingFlushes.splice(0)) resolve(soFar);
  }

  async #openNode() {
    await this.#context.audioWorklet.addModule(WORKLET_URL);
    if (this.#closing.signal.aborted) return;
    const node = new AudioWorkletNode(this.#context, "kaiwa-playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    const { signal } = this.#closing;
    node.port.addEventListener("message", ({ data }) => this.#receive(data), { signal });
    node.port.start();
    node.connect(this.#volume).connect(this.#context.destination);
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = LEVEL_SAMPLES;
    node.connect(this.#analyser);
    this.#node = node;
    for (const [command, transferred] of this.#early.splice(0)) this.#post(command, transferred);
  }

  /**
   * @param {PlaybackCommand} command
   * @param {Transferable[]} [transferred]
   */
  #post(command, transferred = []) {
    if (this.#node) this.#node.port.postMessage(command, transferred);
    else if (!this.#closing.signal.aborted) this.#early.push([command, transferred]);
  }

  /** @param {PlaybackMessage} message */
  #receive(message) {
    if (message.kind === "flushed") this.#resolveFlush(message.cuts);
    else if (message.kind !== "underrun") this.#takeProgress(message);
  }

  /** @param {Extract<PlaybackMessage, Progress>} message */
  #takeProgress({ kind, itemId, contentIndex, playedSamples }) {
    if (kind === "ended") return this.#end(itemId, contentIndex);
    const progress = this.#queued.get(keyOf(itemId, contentIndex));
    // It was cut off while the message was on its way.
    if (!progress) return;
    progress.playedSamples = playedSamples;
    if (kind === "start") this.#events.onStart(itemId, contentIndex, false);
    else this.#events.onPosition(itemId, contentIndex, playedSamples / SAMPLES_PER_MS);
  }

  /** @param {string} itemId @param {number} contentIndex */
  #end(itemId, contentIndex) {
    const key = keyOf(itemId, contentIndex);
    this.#queued.delete(key);
    this.#doneKeys.add(key);
    this.#events.onEnded(itemId, contentIndex);
  }

  /** @param {Progress[]} cuts */
  #resolveFlush(cuts) {
    this.#pendingFlushes.shift()?.resolve(cuts.map((cut) => cutFrom(cut, this.latencyMs)));
  }
}

/**
 * How far a voice comes in a time in which nothing can be played: one part after the other, each as far
 * as its audio has arrived. Pure.
 *
 * @param {ReadonlyArray<Queued>} parts In the order in which they are to be played.
 * @param {number} samples The length of that time.
 * @returns {{ part: Queued, shownSamples: number, isEnded: boolean }[]}
 */
export function stepsOf(parts, samples) {
  const steps = [];
  let left = samples;
  for (const [index, part] of parts.entries()) {
    const before = Math.max(part.shownSamples, part.playedSamples);
    const shownSamples = Math.min(before + left, part.receivedSamples);
    left -= shownSamples - before;
    // The next part's audio means that this one is whole, as in the worklet.
    const isWhole = part.isFinished || index < parts.length - 1;
    const isEnded = isWhole && shownSamples === part.receivedSamples;
    steps.push({ part, shownSamples, isEnded });
    if (!isEnded) break;
  }
  return steps;
}

/**
 * Of Firefox on Linux, measured with PulseAudio: 32 to 52 ms. Reading it there can hang the page for
 * good (Firefox 153.8, 8 of 20 conversations): the reader waits for the lock of PulseAudio's main
 * loop, which waits for the audio graph, which waits for the reader.
 */
const FIREFOX_ON_LINUX = /X11;.*Firefox\//;
const FIREFOX_ON_LINUX_MS = 40;

/**
 * Time from an audio context's output to the loudspeaker.
 *
 * @param {Pick<AudioContext, "outputLatency" | "baseLatency">} context
 * @param {string} userAgent
 */
export function latencyMsOf(context, userAgent) {
  if (FIREFOX_ON_LINUX.test(userAgent)) return FIREFOX_ON_LINUX_MS;
  return 1000 * (context.outputLatency || context.baseLatency || 0);
}

/**
 * @param {Progress} progress
 * @param {number} latencyMs From the worklet's output to the loudspeaker.
 * @returns {Cut}
 */
export function cutFrom(progress, latencyMs) {
  const { itemId, contentIndex, playedSamples, receivedSamples, isFinished } = progress;
  const playedMs = playedSamples / SAMPLES_PER_MS;
  const receivedMs = receivedSamples / SAMPLES_PER_MS;
  return {
    itemId,
    contentIndex,
    heardMs: Math.floor(Math.max(0, Math.min(playedMs - latencyMs, receivedMs))),
    wasAllHeard: isFinished && playedSamples === receivedSamples,
  };
}

/**
 * @param {string} itemId
 * @param {number} contentIndex
 */
function keyOf(itemId, contentIndex) {
  return `${contentIndex} ${itemId}`;
}
