/**
 * PCM arithmetic: pure and streaming. The methods that run in every render quantum allocate nothing.
 *
 * Samples are mono. Int16 crosses the network (24 kHz, little endian, like the typed arrays of every
 * browser); Web Audio uses Float32 in -1..1.
 */

import { AUDIO } from "../shared-facts.js";

/** Network samples in one millisecond: 24. */
export const SAMPLES_PER_MS = AUDIO.bytesPerMs / Int16Array.BYTES_PER_ELEMENT;

/** Samples a second of all audio that crosses the network: 24,000. */
export const WIRE_RATE_HZ = 1000 * SAMPLES_PER_MS;

/** Length of one chunk from the microphone. */
export const CHUNK_MS = 40;

/** Samples in one chunk from the microphone: 960. */
export const CHUNK_SAMPLES = CHUNK_MS * SAMPLES_PER_MS;

const FULL_SCALE = 32_768;

/**
 * Zero crossings of the sinc on each side. With 16, resampling 44.1 to 24 kHz costs 4 ms of CPU per
 * second of audio and 0.67 ms of delay; 8 would lose 36 dB of stop-band attenuation.
 */
const ZERO_CROSSINGS = 16;

/** Shape of the Kaiser window: side lobes under -83 dB, transition 3.9 kHz wide at 24 kHz. */
const KAISER_BETA = 8.2;

/**
 * The middle of the transition, as a fraction of the lower Nyquist frequency. Measured at 24 kHz:
 * flat to 9.5 kHz, -2.2 dB at 10.5 kHz, below -83 dB from 13 kHz.
 */
const CUTOFF = 0.92;

/**
 * A windowed-sinc resampler between two whole rates. Push source samples, pull output samples; the
 * block sizes do not change a bit of the result. Output sample n lies exactly at source time
 * n * fromRateHz / toRateHz, so nothing is shifted; it can be pulled once `lookahead` more source
 * samples were pushed. Equal rates pass through unchanged.
 */
export class Resampler {
  #phases;
  #wholeStep;
  #phaseStep;
  #taps;
  /** @type {Float32Array} The filter's taps: one row for each phase. */
  #rows;
  /** Source samples that output samples are still computed from. */
  #source;
  #sourceLength = 0;
  /** Index in `#source` of the first tap of the next output sample. */
  #firstTap = 0;
  #phase = 0;
  /** Whole source samples before the next output sample, since the last reset. */
  #passed = 0;

  /**
   * @param {number} fromRateHz A whole number.
   * @param {number} toRateHz A whole number.
   */
  constructor(fromRateHz, toRateHz) {
    const divisor = greatestCommonDivisor(fromRateHz, toRateHz);
    this.#phases = toRateHz / divisor;
    this.#wholeStep = Math.floor(fromRateHz / toRateHz);
    this.#phaseStep = (fromRateHz / divisor) % this.#phases;
    const kernel = kernelBetween(fromRateHz, toRateHz);
    /** Source samples needed after the position of an output sample. */
    this.lookahead = kernel.after;
    this.#taps = kernel.before + 1 + kernel.after;
    this.#rows = kernelRows(kernel, this.#phases);
    this.#source = new Float32Array(4096 + this.#taps);
    this.reset();
  }

  /** Source samples before the next output sample, since the last reset; may be fractional. */
  get position() {
    return this.#passed + this.#phase / this.#phases;
  }

  /** Forget all samples, as if the source had been silent so far. */
  reset() {
    this.#source.fill(0);
    this.#sourceLength = this.#taps - 1 - this.lookahead;
    this.#firstTap = 0;
    this.#phase = 0;
    this.#passed = 0;
  }

  /**
   * How many source samples must be pushed before `count` output samples can be pulled.
   * @param {number} count
   */
  missing(count) {
    if (count === 0) return 0;
    const steps = count - 1;
    const whole =
      steps * this.#wholeStep + Math.floor((this.#phase + steps * this.#phaseStep) / this.#phases);
    return Math.max(0, this.#firstTap + whole + this.#taps - this.#sourceLength);
  }

  /**
   * Append the first `count` source samples.
   * @param {Float32Array} samples
   * @param {number} [count]
   */
  push(samples, count = samples.length) {
    this.#makeRoomFor(count);
    for (let i = 0; i < count; i += 1) this.#source[this.#sourceLength + i] = samples[i] ?? 0;
    this.#sourceLength += count;
  }

  /**
   * Write up to `count` samples to `output`, beginning at index `start`. Returns how many.
   * @param {Float32Array} output
   * @param {number} [start]
   * @param {number} [count]
   */
  pull(output, start = 0, count = output.length - start) {
    let pulled = 0;
    while (pulled < count && this.#firstTap + this.#taps <= this.#sourceLength) {
      output[start + pulled] = this.#convolve();
      this.#advance();
      pulled += 1;
    }
    return pulled;
  }

  #convolve() {
    const row = this.#phase * this.#taps;
    let sum = 0;
    for (let tap = 0; tap < this.#taps; tap += 1) {
      sum += (this.#rows[row + tap] ?? 0) * (this.#source[this.#firstTap + tap] ?? 0);
    }
    return sum;
  }

  #advance() {
    this.#phase += this.#phaseStep;
    const carried = this.#phase >= this.#phases ? 1 : 0;
    if (carried) this.#phase -= this.#phases;
    this.#firstTap += this.#wholeStep + carried;
    this.#passed += this.#wholeStep + carried;
  }

  /** @param {number} count */
  #makeRoomFor(count) {
    if (this.#sourceLength + count <= this.#source.length) return;
    const used = Math.min(this.#firstTap, this.#sourceLength);
    this.#source.copyWithin(0, used, this.#sourceLength);
    this.#sourceLength -= used;
    this.#firstTap -= used;
    if (this.#sourceLength + count <= this.#source.length) return;
    const larger = new Float32Array(2 * (this.#sourceLength + count));
    larger.set(this.#source.subarray(0, this.#sourceLength));
    this.#source = larger;
  }
}

/**
 * @typedef {object} Kernel
 * @property {number} before Source samples used before the position of an output sample.
 * @property {number} after Source samples used after it.
 * @property {number} halfWidth Half the width of the window, in source samples.
 * @property {number} cutoff As a fraction of the source's Nyquist frequency.
 */

/**
 * @param {number} fromRateHz
 * @param {number} toRateHz
 * @returns {Kernel}
 */
function kernelBetween(fromRateHz, toRateHz) {
  if (fromRateHz === toRateHz) return { before: 0, after: 0, halfWidth: 1, cutoff: 1 };
  const narrowing = Math.min(1, toRateHz / fromRateHz);
  const halfWidth = ZERO_CROSSINGS / narrowing;
  const after = Math.ceil(halfWidth);
  return { before: after - 1, after, halfWidth, cutoff: CUTOFF * narrowing };
}

/**
 * @param {Kernel} kernel
 * @param {number} phases
 */
function kernelRows({ before, after, halfWidth, cutoff }, phases) {
  const taps = before + 1 + after;
  const rows = new Float32Array(phases * taps);
  for (let phase = 0; phase < phases; phase += 1) {
    const row = Array.from({ length: taps }, (_, tap) => {
      const distance = tap - before - phase / phases;
      return sinc(cutoff * distance) * kaiser(distance / halfWidth);
    });
    // Unity gain at 0 Hz in each phase; otherwise a constant input would become a faint tone.
    const gain = row.reduce((sum, weight) => sum + weight, 0);
    rows.set(
      row.map((weight) => weight / gain),
      phase * taps,
    );
  }
  return rows;
}

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** @param {number} x -1..1; the window is 0 outside. Not normalised: `kernelRows` sets the gain. */
function kaiser(x) {
  return Math.abs(x) > 1 ? 0 : besselI0(KAISER_BETA * Math.sqrt(1 - x * x));
}

/** @param {number} x */
function besselI0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * Write the mean of all channels to `mono`.
 * @param {Float32Array[]} channels
 * @param {Float32Array} mono As long as each channel.
 */
export function downMix(channels, mono) {
  for (let i = 0; i < mono.length; i += 1) {
    let sum = 0;
    for (const channel of channels) sum += channel[i] ?? 0;
    mono[i] = sum / channels.length;
  }
}

/**
 * The nearest Int16 value, clipped at full scale.
 * @param {number} sample
 */
export function int16FromFloat(sample) {
  return Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, Math.round(sample * FULL_SCALE)));
}

/**
 * The exact inverse of `int16FromFloat` within -1..1.
 * @param {number} sample
 */
export function floatFromInt16(sample) {
  return sample / FULL_SCALE;
}

/**
 * The root mean square of a chunk: 0..1, of full scale.
 * @param {Int16Array} pcm
 */
export function rmsOf(pcm) {
  let energy = 0;
  for (const sample of pcm) energy += sample * sample;
  return Math.sqrt(energy / Math.max(1, pcm.length)) / FULL_SCALE;
}

/** Collects Float32 samples into Int16 chunks of `CHUNK_SAMPLES`; each chunk is a new array. */
export class Chunker {
  #emit;
  #chunk = new Int16Array(CHUNK_SAMPLES);
  #filled = 0;

  /** @param {(pcm: Int16Array<ArrayBuffer>) => void} emit Called with each full chunk. */
  constructor(emit) {
    this.#emit = emit;
  }

  /**
   * Append the first `count` samples.
   * @param {Float32Array} samples
   * @param {number} [count]
   */
  push(samples, count = samples.length) {
    for (let i = 0; i < count; i += 1) this.#add(int16FromFloat(samples[i] ?? 0));
  }

  /** @param {number} count How many zeros to append. */
  pushSilence(count) {
    for (let i = 0; i < count; i += 1) this.#add(0);
  }

  /** Emit the partial chunk, if there is one, padded with zeros. */
  flush() {
    if (this.#filled > 0) this.pushSilence(CHUNK_SAMPLES - this.#filled);
  }

  /** Discard the partial chunk. */
  clear() {
    this.#filled = 0;
  }

  /** @param {number} sample */
  #add(sample) {
    this.#chunk[this.#filled] = sample;
    this.#filled += 1;
    if (this.#filled < CHUNK_SAMPLES) return;
    const full = this.#chunk;
    this.#chunk = new Int16Array(CHUNK_SAMPLES);
    this.#filled = 0;
    this.#emit(full);
  }
}

/** Arguments of one `String.fromCharCode` call: in some browsers more overflow the stack. */
const BYTES_PER_CALL = 8192;

/**
 * The bytes of the samples as base64: the `audio` of `input_audio_buffer.append`.
 * @param {Int16Array} pcm
 * @returns {string}
 */
export function base64FromPcm(pcm) {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  return "toBase64" in bytes ? bytes.toBase64() : base64FromBytes(bytes);
}

/**
 * The whole samples in these bytes, which are not copied. An odd byte at the end is left out.
 * @param {Uint8Array<ArrayBuffer>} bytes The whole of its buffer.
 * @returns {Int16Array<ArrayBuffer>}
 */
export function pcmFromBytes(bytes) {
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

/**
 * @param {string} base64
 * @returns {Uint8Array<ArrayBuffer>}
 * @throws {Error} If the text is not base64.
 */
export function bytesFromBase64(base64) {
  return "fromBase64" in Uint8Array ? Uint8Array.fromBase64(base64) : bytesFromBinary(atob(base64));
}

/** @param {string} binary One character for each byte. */
function bytesFromBinary(binary) {
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/**
 * The duration of base64 PCM in milliseconds, from its length: nothing is decoded or checked.
 * @param {string} base64
 */
export function msOfBase64(base64) {
  const padding = base64.endsWith("==") ? 2 : Number(base64.endsWith("="));
  return Math.max(0, Math.floor((base64.length * 3) / 4) - padding) / AUDIO.bytesPerMs;
}

/** @param {Uint8Array} bytes */
function base64FromBytes(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += BYTES_PER_CALL) {
    text += String.fromCharCode(...bytes.subarray(start, start + BYTES_PER_CALL));
  }
  return btoa(text);
}
