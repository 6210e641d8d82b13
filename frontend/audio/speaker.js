/** Plays the answers: each item a queue of 24 kHz samples, with an exact count of what was heard. */

import { SAMPLES_PER_MS } from "./pcm.js";

/** @import { FromPlayback, Progress, ToPlayback } from "./playback-worklet.js" */

const WORKLET_URL = new URL("./playback-worklet.js", import.meta.url);

/** Long enough for a step in volume not to click. */
const VOLUME_RAMP_S = 0.02;

/**
 * What was cut off. `heardMs` is what had left the loudspeaker; `wasAllHeard` says that there is
 * nothing to truncate.
 * @typedef {object} Cut
 * @property {string} itemId
 * @property {number} contentIndex
 * @property {number} heardMs Whole milliseconds.
 * @property {boolean} wasAllHeard
 * @property {number} playedMs What was given to the device, `latencyMs` before it is heard.
 * @property {number} latencyMs
 */

/**
 * @typedef {object} SpeakerOptions
 * @property {AudioContext} context Made and resumed in the tap by whoever owns it.
 * @property {(itemId: string, contentIndex: number) => void} onStart
 * @property {(itemId: string, contentIndex: number, playedMs: number) => void} onPosition At most
 *   ten times a second of each item.
 * @property {(itemId: string, contentIndex: number) => void} onEnded The last sample was played
 *   and no more will come. Not called for what was cut.
 * @property {() => void} onUnderrun
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
  #open = /** @type {Map<string, Progress>} By the last reports, in the order of playing. */ (
    new Map()
  );
  #closedKeys = /** @type {Set<string>} */ (new Set());
  #flushes = /** @type {{ resolve: (cuts: Cut[]) => void, soFar: Cut[] }[]} */ ([]);

  /** @param {SpeakerOptions} options */
  constructor({ context, ...events }) {
    this.#context = context;
    this.#events = events;
    this.#volume = context.createGain();
  }

  /** The last node before the device, for a level meter or a test to listen at. */
  get tap() {
    return this.#volume;
  }

  /** From the audio thread to the ear. */
  get latencyMs() {
    return 1000 * (this.#context.outputLatency || this.#context.baseLatency || 0);
  }

  /** Makes ready to play; until then nothing is played. Harmless when open. */
  open() {
    this.#opening ??= this.#makeReady().catch((error) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  /**
   * Queues samples behind those of the same item, and a new item behind the others. What was cut
   * or has ended is not played again.
   * @param {string} itemId
   * @param {number} contentIndex
   * @param {Int16Array} pcm 24 kHz, mono; stays the caller's.
   */
  play(itemId, contentIndex, pcm) {
    const key = keyOf(itemId, contentIndex);
    if (this.#closedKeys.has(key) || pcm.length === 0) return;
    const { played, received } = this.#open.get(key) ?? { played: 0, received: 0 };
    this.#open.set(key, {
      itemId,
      contentIndex,
      played,
      received: received + pcm.length,
      isFinished: false,
    });
    const own = pcm.slice();
    this.#tell({ verb: "play", itemId, contentIndex, pcm: own }, [own.buffer]);
  }

  /**
   * No more samples will come for this item, so it need not wait for any.
   * @param {string} itemId
   * @param {number} contentIndex
   */
  finish(itemId, contentIndex) {
    const progress = this.#open.get(keyOf(itemId, contentIndex));
    if (progress) progress.isFinished = true;
    this.#tell({ verb: "finish", itemId, contentIndex });
  }

  /**
   * Silence at once. Answers what of each item was heard: the playing one first, then those that
   * waited.
   * @returns {Promise<Cut[]>}
   */
  flush() {
    if (!this.#node) return Promise.resolve([]);
    const soFar = this.heardSoFar();
    for (const key of this.#open.keys()) this.#closedKeys.add(key);
    this.#open.clear();
    this.#tell({ verb: "flush" });
    return new Promise((resolve) => this.#flushes.push({ resolve, soFar }));
  }

  /**
   * What of each item was heard by the last report, a tenth of a second old at most: for those who
   * cannot wait for an exact answer.
   * @returns {Cut[]}
   */
  heardSoFar() {
    return [...this.#open.values()].map((progress) => cutFrom(progress, this.latencyMs));
  }

  /** @param {number} volume 0..1 */
  setVolume(volume) {
    const { gain } = this.#volume;
    const now = this.#context.currentTime;
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(gain.value, now);
    gain.linearRampToValueAtTime(Math.max(0, Math.min(1, volume)), now + VOLUME_RAMP_S);
  }

  /** Silence for good. Harmless when closed. The context stays its owner's. */
  async close() {
    this.#closing.abort();
    this.#tell({ verb: "stop" });
    this.#node?.disconnect();
    this.#node = null;
    this.#volume.disconnect();
    for (const { resolve, soFar } of this.#flushes.splice(0)) resolve(soFar);
  }

  async #makeReady() {
    await this.#context.audioWorklet.addModule(WORKLET_URL);
    if (this.#closing.signal.aborted) return;
    const node = new AudioWorkletNode(this.#context, "kaiwa-playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    const { signal } = this.#closing;
    node.port.addEventListener("message", ({ data }) => this.#hear(data), { signal });
    node.port.start();
    node.connect(this.#volume).connect(this.#context.destination);
    this.#node = node;
  }

  /**
   * @param {ToPlayback} command
   * @param {Transferable[]} [transferred]
   */
  #tell(command, transferred = []) {
    this.#node?.port.postMessage(command, transferred);
  }

  /** @param {FromPlayback} message */
  #hear(message) {
    if (message.kind === "flushed") this.#answerFlush(message.cuts);
    else if (message.kind === "underrun") this.#events.onUnderrun();
    else this.#pass(message);
  }

  /** @param {Extract<FromPlayback, Progress>} message */
  #pass({ kind, itemId, contentIndex, played }) {
    const progress = this.#open.get(keyOf(itemId, contentIndex));
    if (progress) progress.played = played;
    if (kind === "start") this.#events.onStart(itemId, contentIndex);
    else if (kind === "position") {
      this.#events.onPosition(itemId, contentIndex, played / SAMPLES_PER_MS);
    } else {
      const key = keyOf(itemId, contentIndex);
      this.#open.delete(key);
      this.#closedKeys.add(key);
      this.#events.onEnded(itemId, contentIndex);
    }
  }

  /** @param {Progress[]} cuts */
  #answerFlush(cuts) {
    this.#flushes.shift()?.resolve(cuts.map((cut) => cutFrom(cut, this.latencyMs)));
  }
}

/**
 * @param {Progress} progress
 * @param {number} latencyMs From the worklet's output to the ear.
 * @returns {Cut}
 */
export function cutFrom({ itemId, contentIndex, played, received, isFinished }, latencyMs) {
  const playedMs = played / SAMPLES_PER_MS;
  const receivedMs = received / SAMPLES_PER_MS;
  return {
    itemId,
    contentIndex,
    heardMs: Math.floor(Math.max(0, Math.min(playedMs - latencyMs, receivedMs))),
    wasAllHeard: isFinished && played === received,
    playedMs,
    latencyMs,
  };
}

/**
 * @param {string} itemId
 * @param {number} contentIndex
 */
function keyOf(itemId, contentIndex) {
  return `${contentIndex} ${itemId}`;
}
