/**
 * PCM arithmetic of the page: pure and streaming. What runs in every render quantum allocates
 * nothing.
 *
 * Samples are mono. Int16 is what crosses the network (24 kHz, little endian, as every browser's
 * typed arrays are); Float32 in -1..1 is what Web Audio speaks.
 */

/** Samples a second of everything that crosses the network. */
export const WIRE_RATE = 24_000;

/** Samples in one chunk from the microphone: 40 ms. */
export const CHUNK_SAMPLES = 960;

/** Samples of the wire in one millisecond. */
export const SAMPLES_PER_MS = WIRE_RATE / 1000;

const FULL_SCALE = 32_768;

/** At 16, 44.1 to 24 kHz costs 4 ms a second and 0.67 ms of delay; 8 loses 36 dB of the stop band. */
const ZERO_CROSSINGS = 16;

/** Side lobes under -83 dB; the transition is then 3.9 kHz wide at 24 kHz. */
const KAISER_BETA = 8.2;

/**
 * The middle of the transition, in parts of the lower Nyquist frequency. Measured at 24 kHz: flat to
 * 9.5 kHz, -2.2 dB at 10.5 kHz, below -83 dB from 13 kHz.
 */
const CUTOFF = 0.92;

/**
 * A windowed-sinc resampler between two whole rates. Push source samples, pull the others; block
 * sizes do not change a bit of the result. Output sample n lies exactly at source time
 * n * fromRate / toRate, so nothing is shifted; it can be pulled once `lookahead` more source
 * samples are there. Equal rates pass through unchanged.
 */
export class Resampler {
  #phases;
  #wholeStep;
  #phaseStep;
  #taps;
  /** @type {Float32Array} One row of taps for each phase. */
  #rows;
  #held;
  #heldLength = 0;
  #firstTap = 0;
  #phase = 0;
  #passed = 0;

  /**
   * @param {number} fromRate Hz, a whole number.
   * @param {number} toRate Hz, a whole number.
   */
  constructor(fromRate, toRate) {
    const divisor = greatestCommonDivisor(fromRate, toRate);
    this.#phases = toRate / divisor;
    this.#wholeStep = Math.floor(fromRate / toRate);
    this.#phaseStep = (fromRate / divisor) % this.#phases;
    const kernel = kernelBetween(fromRate, toRate);
    /** Source samples needed beyond the one that sounds. */
    this.lookahead = kernel.after;
    this.#taps = kernel.before + 1 + kernel.after;
    this.#rows = kernelRows(kernel, this.#phases);
    this.#held = new Float32Array(4096 + this.#taps);
    this.reset();
  }

  /** Source samples that lie before the next output sample: a fraction, since the last reset. */
  get position() {
    return this.#passed + this.#phase / this.#phases;
  }

  /** Starts anew, as if silence had gone before. */
  reset() {
    this.#held.fill(0);
    this.#heldLength = this.#taps - 1 - this.lookahead;
    this.#firstTap = 0;
    this.#phase = 0;
    this.#passed = 0;
  }

  /**
   * Source samples that are still to be pushed before `count` can be pulled.
   * @param {number} count
   */
  missing(count) {
    if (count === 0) return 0;
    const steps = count - 1;
    const whole =
      steps * this.#wholeStep + Math.floor((this.#phase + steps * this.#phaseStep) / this.#phases);
    return Math.max(0, this.#firstTap + whole + this.#taps - this.#heldLength);
  }

  /**
   * @param {Float32Array} samples
   * @param {number} [count] How many of them, from the first.
   */
  push(samples, count = samples.length) {
    this.#makeRoomFor(count);
    for (let i = 0; i < count; i += 1) this.#held[this.#heldLength + i] = samples[i] ?? 0;
    this.#heldLength += count;
  }

  /**
   * Writes up to `count` samples to `output` from `start` and says how many there were.
   * @param {Float32Array} output
   * @param {number} [start]
   * @param {number} [count]
   */
  pull(output, start = 0, count = output.length - start) {
    let pulled = 0;
    while (pulled < count && this.#firstTap + this.#taps <= this.#heldLength) {
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
      sum += (this.#rows[row + tap] ?? 0) * (this.#held[this.#firstTap + tap] ?? 0);
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
    if (this.#heldLength + count <= this.#held.length) return;
    const used = Math.min(this.#firstTap, this.#heldLength);
    this.#held.copyWithin(0, used, this.#heldLength);
    this.#heldLength -= used;
    this.#firstTap -= used;
    if (this.#heldLength + count <= this.#held.length) return;
    const larger = new Float32Array(2 * (this.#heldLength + count));
    larger.set(this.#held.subarray(0, this.#heldLength));
    this.#held = larger;
  }
}

/**
 * @typedef {object} Kernel
 * @property {number} before Source samples used before the one that sounds.
 * @property {number} after Source samples used after it.
 * @property {number} halfWidth Where the window ends, in source samples.
 * @property {number} cutoff In parts of the source's Nyquist frequency.
 */

/**
 * @param {number} fromRate
 * @param {number} toRate
 * @returns {Kernel}
 */
function kernelBetween(fromRate, toRate) {
  if (fromRate === toRate) return { before: 0, after: 0, halfWidth: 1, cutoff: 1 };
  const narrowing = Math.min(1, toRate / fromRate);
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
    // Unity gain at 0 Hz in each phase; otherwise a constant would come out as a faint tone.
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

/** @param {number} x -1..1; outside the window is nothing. The gain is set afterwards. */
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
 * The mean of all channels.
 * @param {Float32Array[]} channels
 * @param {Float32Array} mono Of their length; is written.
 */
export function downMix(channels, mono) {
  for (let i = 0; i < mono.length; i += 1) {
    let sum = 0;
    for (const channel of channels) sum += channel[i] ?? 0;
    mono[i] = sum / channels.length;
  }
}

/**
 * The nearest Int16 value; what is louder than full scale is clipped.
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
 * How loud a chunk is, as parts of full scale.
 * @param {Int16Array} pcm
 * @returns {{rms: number, peak: number}}
 */
export function levelOf(pcm) {
  let peak = 0;
  let energy = 0;
  for (const sample of pcm) {
    peak = Math.max(peak, Math.abs(sample));
    energy += sample * sample;
  }
  const rms = Math.sqrt(energy / Math.max(1, pcm.length));
  return { rms: rms / FULL_SCALE, peak: peak / FULL_SCALE };
}

/** Gathers floats into Int16 chunks of one length and hands each on, never to touch it again. */
export class Chunker {
  #emit;
  #samples;
  #chunk;
  #filled = 0;

  /**
   * @param {(pcm: Int16Array<ArrayBuffer>) => void} emit
   * @param {number} [samples] In one chunk.
   */
  constructor(emit, samples = CHUNK_SAMPLES) {
    this.#emit = emit;
    this.#samples = samples;
    this.#chunk = new Int16Array(samples);
  }

  /**
   * @param {Float32Array} samples
   * @param {number} [count]
   */
  push(samples, count = samples.length) {
    for (let i = 0; i < count; i += 1) this.#add(int16FromFloat(samples[i] ?? 0));
  }

  /** @param {number} count Zeros to push. */
  pushSilence(count) {
    for (let i = 0; i < count; i += 1) this.#add(0);
  }

  /** Hands on what has been gathered, if anything, filled up with zeros. */
  flush() {
    if (this.#filled > 0) this.pushSilence(this.#samples - this.#filled);
  }

  /** Forgets what has been gathered. */
  clear() {
    this.#filled = 0;
  }

  /** @param {number} sample */
  #add(sample) {
    this.#chunk[this.#filled] = sample;
    this.#filled += 1;
    if (this.#filled < this.#samples) return;
    const full = this.#chunk;
    this.#chunk = new Int16Array(this.#samples);
    this.#filled = 0;
    this.#emit(full);
  }
}

/** Arguments that one call takes everywhere; more can overflow the stack. */
const BYTES_PER_CALL = 8192;

/**
 * The samples' bytes as base64, as `input_audio_buffer.append` wants them.
 * @param {Int16Array} pcm
 * @returns {string}
 */
export function base64FromPcm(pcm) {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  return "toBase64" in bytes ? bytes.toBase64() : base64FromBytes(bytes);
}

/**
 * The samples of one audio delta. Half a sample at the end is dropped.
 * @param {string} base64
 * @returns {Int16Array<ArrayBuffer>}
 * @throws {Error} What is not base64.
 */
export function pcmFromBase64(base64) {
  const bytes =
    "fromBase64" in Uint8Array ? Uint8Array.fromBase64(base64) : bytesFromBase64(base64);
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

/** @param {Uint8Array} bytes */
function base64FromBytes(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += BYTES_PER_CALL) {
    text += String.fromCharCode(...bytes.subarray(start, start + BYTES_PER_CALL));
  }
  return btoa(text);
}

/** @param {string} base64 */
function bytesFromBase64(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
