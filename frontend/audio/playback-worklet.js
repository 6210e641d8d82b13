/**
 * The answer's side of the audio thread: a queue of items, each a FIFO of 24 kHz samples, played
 * one after the other at the device's rate.
 *
 * What is counted as played is exact: the position in the source of the next sample that comes
 * out, so the resampler's look-ahead is already taken off. The counter belongs to the item and
 * survives an underrun. A run is a stretch without a hole; it starts with a resampler at rest and
 * ends when its samples have come out, so that no run has zeros in its middle.
 *
 * @typedef {{itemId: string, contentIndex: number}} Key
 * @typedef {{verb: "play", itemId: string, contentIndex: number, pcm: Int16Array}
 *   | {verb: "finish", itemId: string, contentIndex: number}
 *   | {verb: "flush"}
 *   | {verb: "stop"}} ToPlayback
 * @typedef {{itemId: string, contentIndex: number, played: number, received: number,
 *   isFinished: boolean}} Progress In samples of 24 kHz.
 * @typedef {{kind: "start" | "position" | "ended"} & Progress
 *   | {kind: "underrun"}
 *   | {kind: "flushed", cuts: Progress[]}} FromPlayback
 */

import { floatFromInt16, Resampler, SAMPLES_PER_MS, WIRE_RATE } from "./pcm.js";

/** Must exceed one delta (100 ms); shorter buys underruns, not speed. */
const PREBUFFER_MS = 120;

/** A connection that ran dry once will again: wait longer next time, to a limit. */
const PREBUFFER_STEP_MS = 80;
const PREBUFFER_MAX_MS = 400;

/** Long enough not to click, short enough to be silence at once. */
const FADE_MS = 5;

/** What adding up a gain in steps may be off by. */
const ROUNDING = 1e-6;

/** At most ten reports a second of each item. */
const REPORT_SAMPLES = 100 * SAMPLES_PER_MS;

/** The samples of one item: what came, what was taken, what came out. */
class Item {
  #blocks = /** @type {Int16Array[]} */ ([]);
  #offset = 0;

  /** @param {Key} key */
  constructor({ itemId, contentIndex }) {
    this.itemId = itemId;
    this.contentIndex = contentIndex;
    this.received = 0;
    this.taken = 0;
    this.played = 0;
    this.reported = 0;
    this.hasStarted = false;
    this.isFinished = false;
  }

  get buffered() {
    return this.received - this.taken;
  }

  /** @param {Int16Array} pcm */
  append(pcm) {
    if (pcm.length > 0) this.#blocks.push(pcm);
    this.received += pcm.length;
  }

  /**
   * Moves `count` samples, which must be there, to the start of `output`.
   * @param {Float32Array} output
   * @param {number} count
   */
  take(output, count) {
    for (let i = 0; i < count; i += 1) output[i] = floatFromInt16(this.#next());
    this.taken += count;
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
  progress(played = this.played) {
    const { itemId, contentIndex, received, isFinished } = this;
    return { itemId, contentIndex, played, received, isFinished };
  }
}

class PlaybackProcessor extends AudioWorkletProcessor {
  #resampler = new Resampler(WIRE_RATE, sampleRate);
  #step = WIRE_RATE / sampleRate;
  #fadeFrames = Math.round((FADE_MS / 1000) * sampleRate);
  #source = new Float32Array(1024);
  #queue = /** @type {Item[]} */ ([]);
  /** @type {Item | null} The item that sounds. It is not in the queue once it was cut. */
  #running = null;
  #playedBeforeRun = 0;
  #takenInRun = 0;
  #isRunClosing = false;
  #isCut = false;
  #gain = 1;
  #prebuffer = PREBUFFER_MS * SAMPLES_PER_MS;
  #stopped = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#obey(data);
  }

  /**
   * @param {unknown} _inputs
   * @param {[[Float32Array]]} outputs One, of one channel.
   */
  process(_inputs, [[output]]) {
    for (let frame = 0; frame < output.length && this.#isRunning(); ) {
      frame += this.#run(output, frame);
    }
    return !this.#stopped;
  }

  /** @param {ToPlayback} command */
  #obey(command) {
    if (command.verb === "play") this.#itemOf(command).append(command.pcm);
    else if (command.verb === "finish") this.#finish(command);
    else if (command.verb === "flush") this.#flush();
    else this.#stopped = true;
  }

  /** @param {Key} key */
  #find({ itemId, contentIndex }) {
    return this.#queue.find((item) => item.itemId === itemId && item.contentIndex === contentIndex);
  }

  /** @param {Key} key */
  #itemOf(key) {
    const known = this.#find(key);
    if (known) return known;
    const item = new Item(key);
    // Items are spoken one after the other: the next one's sound says that the last one is whole.
    for (const earlier of this.#queue) earlier.isFinished = true;
    this.#queue.push(item);
    return item;
  }

  /** @param {Key} key */
  #finish(key) {
    const item = this.#find(key);
    if (!item) return;
    item.isFinished = true;
    this.#dropPlayedOut();
  }

  /** An item whose end is announced only after its last sample came out. */
  #dropPlayedOut() {
    for (let first = this.#queue[0]; first; first = this.#queue[0]) {
      if (first === this.#running || !first.isFinished || first.buffered > 0) return;
      this.#queue.shift();
      this.#tell({ kind: "ended", ...first.progress() });
    }
  }

  /**
   * Cuts everything off: what sounds fades out, what waits is forgotten. The answer is given at
   * once and already counts the fade, since nothing that arrives later can change it.
   */
  #flush() {
    const cuts = this.#queue.map((item) =>
      item.progress(item === this.#running ? this.#playedAfterFade() : item.played),
    );
    this.#queue.length = 0;
    this.#isCut = true;
    this.#tell({ kind: "flushed", cuts });
  }

  #playedAfterFade() {
    const end = this.#resampler.position + this.#fadeOutFrames() * this.#step;
    return this.#playedBeforeRun + Math.min(Math.floor(end), this.#samplesOfRun());
  }

  #fadeOutFrames() {
    return Math.ceil(this.#gain * this.#fadeFrames - ROUNDING);
  }

  /** All samples that this run can still bring out, and those that it has. */
  #samplesOfRun() {
    const coming = this.#isRunClosing ? 0 : (this.#running?.buffered ?? 0);
    return this.#takenInRun + coming;
  }

  #isRunning() {
    if (!this.#running) this.#begin();
    return this.#running !== null;
  }

  #begin() {
    this.#dropPlayedOut();
    const [first] = this.#queue;
    if (!first) return;
    if (!first.isFinished && first.buffered < this.#prebuffer) return;
    this.#running = first;
    this.#playedBeforeRun = first.played;
    this.#takenInRun = 0;
    this.#isRunClosing = false;
    this.#isCut = false;
    this.#resampler.reset();
    // Speech begins softly by itself; only what goes on in mid-word is faded in.
    this.#gain = first.hasStarted ? 0 : 1;
    if (!first.hasStarted) this.#tell({ kind: "start", ...first.progress() });
    first.hasStarted = true;
  }

  /**
   * Brings the run forward by what fits into the output, or to its end, and says how far.
   * @param {Float32Array} output
   * @param {number} start
   */
  #run(output, start) {
    const item = /** @type {Item} */ (this.#running);
    const runway = Math.ceil((this.#samplesOfRun() - this.#resampler.position) / this.#step);
    const left = this.#isCut ? Math.min(runway, this.#fadeOutFrames()) : runway;
    const count = Math.max(0, Math.min(output.length - start, left));
    this.#feed(item, count);
    this.#resampler.pull(output, start, count);
    this.#shape(output, start, count, item.isFinished ? Infinity : runway);
    item.played =
      this.#playedBeforeRun + Math.min(Math.floor(this.#resampler.position), this.#takenInRun);
    if (count === left) this.#end(item);
    else this.#report(item);
    return count;
  }

  /**
   * @param {Item} item
   * @param {number} count Frames that are about to be pulled.
   */
  #feed(item, count) {
    const needed = this.#resampler.missing(count);
    if (this.#source.length < needed) this.#source = new Float32Array(needed);
    const real = this.#isRunClosing ? 0 : Math.min(needed, item.buffered);
    item.take(this.#source, real);
    this.#source.fill(0, real, needed);
    this.#resampler.push(this.#source, needed);
    this.#takenInRun += real;
    // Zeros were needed to bring out the last samples: nothing may follow them in this run.
    if (real < needed) this.#isRunClosing = true;
  }

  /**
   * Fades towards silence when the run is cut or about to run dry, and back when it is not.
   * @param {Float32Array} output
   * @param {number} start
   * @param {number} count
   * @param {number} runway Frames until the samples run out.
   */
  #shape(output, start, count, runway) {
    const slope = 1 / this.#fadeFrames;
    for (let i = 0; i < count; i += 1) {
      const aim = this.#isCut ? 0 : Math.min(1, (runway - i) * slope);
      this.#gain = Math.max(this.#gain - slope, Math.min(this.#gain + slope, aim));
      output[start + i] = (output[start + i] ?? 0) * this.#gain;
    }
  }

  /** @param {Item} item */
  #end(item) {
    this.#running = null;
    if (this.#isCut) return;
    item.played = this.#playedBeforeRun + this.#takenInRun;
    if (item.isFinished && item.buffered === 0) this.#dropPlayedOut();
    else this.#runDry();
  }

  #runDry() {
    const step = PREBUFFER_STEP_MS * SAMPLES_PER_MS;
    this.#prebuffer = Math.min(this.#prebuffer + step, PREBUFFER_MAX_MS * SAMPLES_PER_MS);
    this.#tell({ kind: "underrun" });
  }

  /** @param {Item} item */
  #report(item) {
    if (this.#isCut || item.played - item.reported < REPORT_SAMPLES) return;
    item.reported = item.played;
    this.#tell({ kind: "position", ...item.progress() });
  }

  /** @param {FromPlayback} message */
  #tell(message) {
    this.port.postMessage(message);
  }
}

registerProcessor("kaiwa-playback", PlaybackProcessor);
