/**
 * The speaker's AudioWorklet processor: a queue of content parts, each a FIFO of 24 kHz samples,
 * played one after the other at the device's rate.
 *
 * The count of played samples is exact: it is the source position of the next output sample, so the
 * resampler's lookahead is already subtracted. It belongs to the part and continues after an underrun.
 * A run is a stretch of output without a gap. It starts with a reset resampler and ends when its
 * samples are played, so that no zeros are inserted in the middle of a run.
 *
 * @typedef {{itemId: string, contentIndex: number}} PartKey
 * @typedef {{verb: "play", itemId: string, contentIndex: number, pcm: Int16Array}
 *   | {verb: "finish", itemId: string, contentIndex: number}
 *   | {verb: "drop", itemId: string, contentIndex: number}
 *   | {verb: "flush"}
 *   | {verb: "stop"}} PlaybackCommand
 * @typedef {PartKey & {playedSamples: number, receivedSamples: number, isFinished: boolean}} Progress
 *   In samples of 24 kHz. `isFinished` says that no more samples will come.
 * @typedef {{kind: "start" | "position" | "ended"} & Progress
 *   | {kind: "underrun"}
 *   | {kind: "flushed", cuts: Progress[]}} PlaybackMessage
 */

import { floatFromInt16, Resampler, SAMPLES_PER_MS, WIRE_RATE_HZ } from "./pcm.js";

/** Audio to collect before a run starts. Must exceed one delta (100 ms): less only adds underruns. */
const PREBUFFER_MS = 120;

/** A connection that had an underrun will have another: collect more before the next run, to a limit. */
const PREBUFFER_STEP_MS = 80;
const PREBUFFER_MAX_MS = 400;

/** Long enough not to click, short enough to count as immediate silence. */
const FADE_MS = 5;

/** Tolerance for the error of a gain that was summed in steps. */
const ROUNDING = 1e-6;

/** At most ten position messages a second for each part. */
const REPORT_SAMPLES = 100 * SAMPLES_PER_MS;

/** One content part in the queue: its samples, and how many were received, taken and played. */
class QueuedPart {
  #blocks = /** @type {Int16Array[]} */ ([]);
  /** Index of the next sample in the first block. */
  #offset = 0;

  /** @param {PartKey} key */
  constructor({ itemId, contentIndex }) {
    this.itemId = itemId;
    this.contentIndex = contentIndex;
    this.receivedSamples = 0;
    /** Samples that were moved to the resampler. */
    this.takenSamples = 0;
    this.playedSamples = 0;
    /** `playedSamples` of the last position message. */
    this.reportedSamples = 0;
    this.hasStarted = false;
    this.isFinished = false;
  }

  get bufferedSamples() {
    return this.receivedSamples - this.takenSamples;
  }

  /** @param {Int16Array} pcm */
  append(pcm) {
    if (pcm.length > 0) this.#blocks.push(pcm);
    this.receivedSamples += pcm.length;
  }

  /**
   * Move `count` samples to the start of `output`. At least `count` must be buffered.
   * @param {Float32Array} output
   * @param {number} count
   */
  take(output, count) {
    for (let i = 0; i < count; i += 1) output[i] = floatFromInt16(this.#next());
    this.takenSamples += count;
  }

  #next() {
    const block = this.#blocks[0];
    const sample = block?.[this.#offset] ?? 0;
    this.#offset += 1;
    if (this.#offset === block?.length) {
      this.#blocks.shift();
      this.#offset = 0;
    }
    return sample;
  }

  /** @returns {Progress} */
  progress(playedSamples = this.playedSamples) {
    const { itemId, contentIndex, receivedSamples, isFinished } = this;
    return { itemId, contentIndex, playedSamples, receivedSamples, isFinished };
  }
}

class PlaybackProcessor extends AudioWorkletProcessor {
  #resampler = new Resampler(WIRE_RATE_HZ, sampleRate);
  #samplesPerFrame = WIRE_RATE_HZ / sampleRate;
  #fadeFrames = Math.round((FADE_MS / 1000) * sampleRate);
  #source = new Float32Array(1024);
  #queue = /** @type {QueuedPart[]} */ ([]);
  /** @type {QueuedPart | null} The part of the current run. After a flush it is no longer queued. */
  #playing = null;
  #playedBeforeRun = 0;
  /** Samples of the current run that were moved to the resampler. */
  #takenInRun = 0;
  /** The resampler was given zeros to bring out the last samples: the run takes no more samples. */
  #isPadded = false;
  /** The current run was flushed and fades out. */
  #isCut = false;
  #gain = 1;
  #prebufferSamples = PREBUFFER_MS * SAMPLES_PER_MS;
  #stopped = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#carryOut(data);
  }

  /**
   * @param {unknown} _inputs
   * @param {[[Float32Array]]} outputs One output with one channel.
   */
  process(_inputs, [[output]]) {
    for (let frame = 0; frame < output.length; ) {
      if (!this.#playing) this.#startRun();
      if (!this.#playing) break;
      frame += this.#render(output, frame);
    }
    return !this.#stopped;
  }

  /** @param {PlaybackCommand} command */
  #carryOut(command) {
    if (command.verb === "play") this.#findOrQueue(command).append(command.pcm);
    else if (command.verb === "finish") this.#finish(command);
    else if (command.verb === "drop") this.#drop(command);
    else if (command.verb === "flush") this.#flush();
    else this.#stopped = true;
  }

  /** @param {PartKey} key */
  #find({ itemId, contentIndex }) {
    return this.#queue.find((part) => part.itemId === itemId && part.contentIndex === contentIndex);
  }

  /** @param {PartKey} key */
  #findOrQueue(key) {
    const known = this.#find(key);
    if (known) return known;
    const part = new QueuedPart(key);
    // The provider sends parts one after the other: the next one's audio means that the last is whole.
    for (const earlier of this.#queue) earlier.isFinished = true;
    this.#queue.push(part);
    return part;
  }

  /** @param {PartKey} key */
  #finish(key) {
    const part = this.#find(key);
    if (!part) return;
    part.isFinished = true;
    this.#dropPlayedParts();
  }

  /** Forget a part without a word: its text was shown, and nobody waits for its sound.
   * @param {PartKey} key */
  #drop(key) {
    const part = this.#find(key);
    if (!part) return;
    if (part === this.#playing) this.#isCut = true;
    this.#queue = this.#queue.filter((other) => other !== part);
    this.#dropPlayedParts();
  }

  /** Drop the parts at the front that are finished and played to the end, and report each as ended. */
  #dropPlayedParts() {
    for (let first = this.#queue[0]; first; first = this.#queue[0]) {
      if (first === this.#playing || !first.isFinished || first.bufferedSamples > 0) return;
      this.#queue.shift();
      this.#post({ kind: "ended", ...first.progress() });
    }
  }

  /**
   * Empty the queue and fade out the current run. The reply is sent at once and already counts the
   * fade, because nothing that arrives later can change it.
   */
  #flush() {
    const cuts = this.#queue.map((part) =>
      part.progress(part === this.#playing ? this.#playedAfterFade() : part.playedSamples),
    );
    this.#queue.length = 0;
    this.#isCut = true;
    this.#post({ kind: "flushed", cuts });
  }

  #playedAfterFade() {
    const end = this.#resampler.position + this.#fadeOutFrames() * this.#samplesPerFrame;
    return this.#playedBeforeRun + Math.min(Math.floor(end), this.#samplesOfRun());
  }

  #fadeOutFrames() {
    return Math.ceil(this.#gain * this.#fadeFrames - ROUNDING);
  }

  /** All samples of this run: those taken, and those buffered that it can still take. */
  #samplesOfRun() {
    const buffered = this.#isPadded ? 0 : (this.#playing?.bufferedSamples ?? 0);
    return this.#takenInRun + buffered;
  }

  /** Start a run of the first part in the queue, if it is finished or has enough samples. */
  #startRun() {
    this.#dropPlayedParts();
    const [first] = this.#queue;
    if (!first) return;
    if (!first.isFinished && first.bufferedSamples < this.#prebufferSamples) return;
    this.#playing = first;
    this.#playedBeforeRun = first.playedSamples;
    this.#takenInRun = 0;
    this.#isPadded = false;
    this.#isCut = false;
    this.#resampler.reset();
    // Speech begins softly; only a part that continues after an underrun is faded in.
    this.#gain = first.hasStarted ? 0 : 1;
    if (!first.hasStarted) this.#post({ kind: "start", ...first.progress() });
    first.hasStarted = true;
  }

  /**
   * Fill `output` from index `start` with the current run, until the output or the run ends.
   * @param {Float32Array} output
   * @param {number} start
   * @returns {number} How many frames were written.
   */
  #render(output, start) {
    const part = /** @type {QueuedPart} */ (this.#playing);
    const framesLeft = Math.ceil(
      (this.#samplesOfRun() - this.#resampler.position) / this.#samplesPerFrame,
    );
    const framesToEnd = this.#isCut ? Math.min(framesLeft, this.#fadeOutFrames()) : framesLeft;
    const count = Math.max(0, Math.min(output.length - start, framesToEnd));
    this.#feedResampler(part, count);
    this.#resampler.pull(output, start, count);
    this.#applyGain(output, start, count, part.isFinished ? Infinity : framesLeft);
    part.playedSamples =
      this.#playedBeforeRun + Math.min(Math.floor(this.#resampler.position), this.#takenInRun);
    if (count === framesToEnd) this.#endRun(part);
    else this.#reportPosition(part);
    return count;
  }

  /**
   * Push the samples that `count` output frames need, padded with zeros at the end of the run.
   * @param {QueuedPart} part
   * @param {number} count
   */
  #feedResampler(part, count) {
    const needed = this.#resampler.missing(count);
    if (this.#source.length < needed) this.#source = new Float32Array(needed);
    const available = this.#isPadded ? 0 : Math.min(needed, part.bufferedSamples);
    part.take(this.#source, available);
    this.#source.fill(0, available, needed);
    this.#resampler.push(this.#source, needed);
    this.#takenInRun += available;
    if (available < needed) this.#isPadded = true;
  }

  /**
   * Fade out when the run is cut or about to have an underrun, and fade in otherwise.
   * @param {Float32Array} output
   * @param {number} start
   * @param {number} count
   * @param {number} framesLeft Until an underrun; Infinity for a finished part.
   */
  #applyGain(output, start, count, framesLeft) {
    const slope = 1 / this.#fadeFrames;
    for (let i = 0; i < count; i += 1) {
      const target = this.#isCut ? 0 : Math.min(1, (framesLeft - i) * slope);
      this.#gain = Math.max(this.#gain - slope, Math.min(this.#gain + slope, target));
      output[start + i] = (output[start + i] ?? 0) * this.#gain;
    }
  }

  /** @param {QueuedPart} part */
  #endRun(part) {
    this.#playing = null;
    if (this.#isCut) return;
    part.playedSamples = this.#playedBeforeRun + this.#takenInRun;
    if (part.isFinished && part.bufferedSamples === 0) this.#dropPlayedParts();
    else this.#reportUnderrun();
  }

  #reportUnderrun() {
    this.#prebufferSamples = Math.min(
      this.#prebufferSamples + PREBUFFER_STEP_MS * SAMPLES_PER_MS,
      PREBUFFER_MAX_MS * SAMPLES_PER_MS,
    );
    this.#post({ kind: "underrun" });
  }

  /** @param {QueuedPart} part */
  #reportPosition(part) {
    if (this.#isCut || part.playedSamples - part.reportedSamples < REPORT_SAMPLES) return;
    part.reportedSamples = part.playedSamples;
    this.#post({ kind: "position", ...part.progress() });
  }

  /** @param {PlaybackMessage} message */
  #post(message) {
    this.port.postMessage(message);
  }
}

registerProcessor("kaiwa-playback", PlaybackProcessor);
