/**
 * The microphone's side of the audio thread: down-mix, resample to 24 kHz, cut into 40 ms chunks.
 *
 * Mute and push-to-talk are decided here, so that nothing of a muted voice leaves this thread:
 * muted sends exact zeros (the server's turn detection keeps its clock), not talking sends nothing.
 * A press is held back until it is sure to be one: a slip of the finger would be a turn, and answered.
 *
 * @typedef {{verb: "mute", muted: boolean}
 *   | {verb: "talk", talking: boolean, tailMs: number}
 *   | {verb: "stop"}} ToCapture
 * @typedef {{kind: "chunk", pcm: Int16Array<ArrayBuffer>, rms: number, peak: number, seq: number}
 *   | {kind: "beat"}
 *   | {kind: "silent"}
 *   | {kind: "recovered"}} FromCapture
 * @typedef {{muted: boolean, talking: boolean, firstSeq: number}} CaptureOptions
 */

import { Chunker, downMix, levelOf, Resampler, SAMPLES_PER_MS, WIRE_RATE } from "./pcm.js";

/** Exact zeros for this long are a switched-off microphone, not a quiet room. */
const SILENT_AFTER_S = 3;

/** A sign of life this often while nothing is sent. */
const BEAT_S = 0.1;

/** A press below 320 ms holds no word, but enough noise to be taken for speech. */
const SURE_CHUNKS = 8;

class CaptureProcessor extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, WIRE_RATE);
  #chunker = new Chunker((pcm) => this.#gathered(pcm));
  #mono = new Float32Array(128);
  #resampled = new Float32Array(0);
  #muted;
  #talking;
  #seq;
  /** @type {Int16Array<ArrayBuffer>[] | null} Of a press that may be none. */
  #heldBack = null;
  #stopped = false;
  #framesSinceMessage = 0;
  #zeroFrames = 0;

  /** @param {{processorOptions: CaptureOptions}} options */
  constructor({ processorOptions: { muted, talking, firstSeq } }) {
    super();
    this.#muted = muted;
    this.#talking = talking;
    this.#seq = firstSeq;
    this.port.onmessage = ({ data }) => this.#obey(data);
  }

  /** @param {[Float32Array[]]} inputs */
  process([channels]) {
    if (this.#stopped) return false;
    // While its track is gone or not yet there, a source has no channel at all.
    const frames = channels[0]?.length ?? 0;
    if (frames > 0) this.#hear(channels, frames);
    return true;
  }

  /** @param {ToCapture} command */
  #obey(command) {
    if (command.verb === "mute") this.#muted = command.muted;
    else if (command.verb === "talk") this.#talk(command.talking, command.tailMs);
    else this.#stopped = true;
  }

  /**
   * @param {boolean} talking
   * @param {number} tailMs
   */
  #talk(talking, tailMs) {
    if (talking && !this.#talking) this.#heldBack = [];
    if (this.#talking && !talking) this.#release(tailMs);
    this.#talking = talking;
  }

  /** @param {number} tailMs */
  #release(tailMs) {
    const isPress = this.#heldBack === null;
    this.#heldBack = null;
    if (!isPress) return this.#chunker.clear();
    this.#chunker.pushSilence(Math.ceil(tailMs * SAMPLES_PER_MS));
    this.#chunker.flush();
  }

  /**
   * @param {Float32Array[]} channels
   * @param {number} frames In this quantum: 128 today, the browser's choice tomorrow.
   */
  #hear(channels, frames) {
    this.#fit(frames);
    downMix(channels, this.#mono);
    this.#watchForSilence();
    this.#resampler.push(this.#mono);
    const count = this.#resampler.pull(this.#resampled);
    if (this.#talking && this.#muted) this.#chunker.pushSilence(count);
    else if (this.#talking) this.#chunker.push(this.#resampled, count);
    this.#beat();
  }

  /** @param {number} frames */
  #fit(frames) {
    if (this.#mono.length !== frames) this.#mono = new Float32Array(frames);
    const most = Math.ceil((frames * WIRE_RATE) / sampleRate) + 1;
    if (this.#resampled.length < most) this.#resampled = new Float32Array(most);
  }

  #watchForSilence() {
    if (this.#muted) return;
    const wasSilent = this.#zeroFrames >= SILENT_AFTER_S * sampleRate;
    this.#zeroFrames = this.#mono.every(isZero) ? this.#zeroFrames + this.#mono.length : 0;
    const isSilent = this.#zeroFrames >= SILENT_AFTER_S * sampleRate;
    if (isSilent !== wasSilent) this.#post({ kind: isSilent ? "silent" : "recovered" });
  }

  #beat() {
    this.#framesSinceMessage += this.#mono.length;
    if (this.#framesSinceMessage >= BEAT_S * sampleRate) this.#post({ kind: "beat" });
  }

  /** @param {Int16Array<ArrayBuffer>} pcm */
  #gathered(pcm) {
    if (!this.#heldBack) return this.#send(pcm);
    this.#heldBack.push(pcm);
    if (this.#heldBack.length < SURE_CHUNKS) return;
    for (const held of this.#heldBack) this.#send(held);
    this.#heldBack = null;
  }

  /** @param {Int16Array<ArrayBuffer>} pcm */
  #send(pcm) {
    this.#post({ kind: "chunk", pcm, ...levelOf(pcm), seq: this.#seq }, [pcm.buffer]);
    this.#seq += 1;
  }

  /**
   * @param {FromCapture} message
   * @param {Transferable[]} [transferred]
   */
  #post(message, transferred = []) {
    this.#framesSinceMessage = 0;
    this.port.postMessage(message, transferred);
  }
}

/** @param {number} sample */
function isZero(sample) {
  return sample === 0;
}

registerProcessor("kaiwa-capture", CaptureProcessor);
