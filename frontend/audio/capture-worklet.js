/**
 * The microphone's AudioWorklet processor: mix to mono, resample to 24 kHz, cut into 40 ms chunks.
 *
 * Mute and push-to-talk are applied here, so that no sample of a muted microphone leaves the audio
 * thread. Muted sends exact zeros, because the server's turn detection counts time in samples; not
 * talking sends nothing. The first chunks of a push-to-talk press are kept until the press is long
 * enough: the server would detect the noise of an accidental press as a turn and answer it.
 *
 * @typedef {{verb: "mute", muted: boolean}
 *   | {verb: "talk", talking: boolean, tailMs: number}
 *   | {verb: "stop"}} CaptureCommand
 * @typedef {{kind: "chunk", pcm: Int16Array<ArrayBuffer>, rms: number, seq: number}
 *   | {kind: "heartbeat"}
 *   | {kind: "sounded"}
 *   | {kind: "silent"}
 *   | {kind: "recovered"}} CaptureMessage `sounded`: the device has given sound, once per capture.
 * @typedef {{muted: boolean, talking: boolean, firstSeq: number}} CaptureOptions
 */

import { Chunker, downMix, Resampler, rmsOf, SAMPLES_PER_MS, WIRE_RATE_HZ } from "./pcm.js";

/** Exact zeros for this long mean that the microphone is switched off or its noise gate is shut; a
 * quiet room has noise. */
const SILENT_AFTER_S = 3;

/** So much that is not zero, in all, means that a device gives sound: more than a click at its start. */
const SOUNDED_AFTER_S = 0.1;

/** How often a message is sent while there are no chunks to send. */
const HEARTBEAT_S = 0.1;

/** 320 ms: a shorter press contains no word, but enough noise to be detected as speech. */
const MIN_PRESS_CHUNKS = 8;

class CaptureProcessor extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, WIRE_RATE_HZ);
  #chunker = new Chunker((pcm) => this.#chunkFilled(pcm));
  #mono = new Float32Array(128);
  #resampled = new Float32Array(0);
  #muted;
  #talking;
  #seq;
  /** @type {Int16Array<ArrayBuffer>[] | null} Chunks of a press shorter than the minimum, else null. */
  #pressChunks = null;
  #stopped = false;
  #framesSinceMessage = 0;
  #zeroFrames = 0;
  #soundFrames = 0;

  /** @param {{processorOptions: CaptureOptions}} options */
  constructor({ processorOptions: { muted, talking, firstSeq } }) {
    super();
    this.#muted = muted;
    this.#talking = talking;
    this.#seq = firstSeq;
    this.port.onmessage = ({ data }) => this.#carryOut(data);
  }

  /** @param {[Float32Array[]]} inputs */
  process([channels]) {
    if (this.#stopped) return false;
    // A source without a track has no channels.
    const frames = channels[0]?.length ?? 0;
    if (frames > 0) this.#capture(channels, frames);
    return true;
  }

  /** @param {CaptureCommand} command */
  #carryOut(command) {
    if (command.verb === "mute") this.#muted = command.muted;
    else if (command.verb === "talk") this.#setTalking(command.talking, command.tailMs);
    else this.#stopped = true;
  }

  /**
   * @param {boolean} talking
   * @param {number} tailMs
   */
  #setTalking(talking, tailMs) {
    if (talking && !this.#talking) this.#pressChunks = [];
    if (this.#talking && !talking) this.#endPress(tailMs);
    this.#talking = talking;
  }

  /** @param {number} tailMs Silence to send behind the press. */
  #endPress(tailMs) {
    const isLongEnough = this.#pressChunks === null;
    this.#pressChunks = null;
    if (!isLongEnough) return this.#chunker.clear();
    this.#chunker.pushSilence(Math.ceil(tailMs * SAMPLES_PER_MS));
    this.#chunker.flush();
  }

  /**
   * @param {Float32Array[]} channels
   * @param {number} frames In this render quantum: 128 today, but the standard lets it vary.
   */
  #capture(channels, frames) {
    this.#fitBuffers(frames);
    downMix(channels, this.#mono);
    this.#detectSilence();
    this.#resampler.push(this.#mono);
    const count = this.#resampler.pull(this.#resampled);
    if (this.#talking && this.#muted) this.#chunker.pushSilence(count);
    else if (this.#talking) this.#chunker.push(this.#resampled, count);
    this.#sendHeartbeatIfDue();
  }

  /** @param {number} frames */
  #fitBuffers(frames) {
    if (this.#mono.length !== frames) this.#mono = new Float32Array(frames);
    const maxResampled = Math.ceil((frames * WIRE_RATE_HZ) / sampleRate) + 1;
    if (this.#resampled.length < maxResampled) this.#resampled = new Float32Array(maxResampled);
  }

  #detectSilence() {
    if (this.#muted) return;
    const wasSilent = this.#zeroFrames >= SILENT_AFTER_S * sampleRate;
    const isZero = this.#mono.every((sample) => sample === 0);
    this.#zeroFrames = isZero ? this.#zeroFrames + this.#mono.length : 0;
    if (!isZero) this.#countSound();
    const isSilent = this.#zeroFrames >= SILENT_AFTER_S * sampleRate;
    if (isSilent !== wasSilent) this.#post({ kind: isSilent ? "silent" : "recovered" });
  }

  #countSound() {
    const sounded = SOUNDED_AFTER_S * sampleRate;
    if (this.#soundFrames >= sounded) return;
    this.#soundFrames += this.#mono.length;
    if (this.#soundFrames >= sounded) this.port.postMessage({ kind: "sounded" });
  }

  #sendHeartbeatIfDue() {
    this.#framesSinceMessage += this.#mono.length;
    if (this.#framesSinceMessage >= HEARTBEAT_S * sampleRate) this.#post({ kind: "heartbeat" });
  }

  /** @param {Int16Array<ArrayBuffer>} pcm */
  #chunkFilled(pcm) {
    if (!this.#pressChunks) return this.#send(pcm);
    this.#pressChunks.push(pcm);
    if (this.#pressChunks.length < MIN_PRESS_CHUNKS) return;
    for (const kept of this.#pressChunks) this.#send(kept);
    this.#pressChunks = null;
  }

  /** @param {Int16Array<ArrayBuffer>} pcm */
  #send(pcm) {
    this.#post({ kind: "chunk", pcm, rms: rmsOf(pcm), seq: this.#seq }, [pcm.buffer]);
    this.#seq += 1;
  }

  /**
   * @param {CaptureMessage} message
   * @param {Transferable[]} [transferred]
   */
  #post(message, transferred = []) {
    this.#framesSinceMessage = 0;
    this.port.postMessage(message, transferred);
  }
}

registerProcessor("kaiwa-capture", CaptureProcessor);
