/** Test sounds and measurements for the audio tests. */

/**
 * @param {number} frequency Hz
 * @param {number} rate Hz
 * @param {number} length Samples.
 */
export function tone(frequency, rate, length, amplitude = 1) {
  const step = (2 * Math.PI * frequency) / rate;
  const samples = new Float32Array(length);
  // A loop: `Float32Array.from` takes ten times as long, half a second of all tests.
  for (let i = 0; i < length; i += 1) samples[i] = amplitude * Math.sin(step * i);
  return samples;
}

/** @param {ArrayLike<number>} samples */
export function rmsOf(samples) {
  let sum = 0;
  for (let i = 0; i < samples.length; i += 1) sum += samples[i] * samples[i];
  return Math.sqrt(sum / samples.length);
}

/** @param {number} ratio */
export function decibels(ratio) {
  return 20 * Math.log10(ratio);
}

/**
 * A sound without its tone of one frequency.
 * @param {Float32Array} samples
 * @param {number} frequency Hz
 * @param {number} rate Hz
 */
export function withoutTone(samples, frequency, rate) {
  const angle = (2 * Math.PI * frequency) / rate;
  let inPhase = 0;
  let offPhase = 0;
  samples.forEach((sample, i) => {
    inPhase += (2 * sample * Math.sin(angle * i)) / samples.length;
    offPhase += (2 * sample * Math.cos(angle * i)) / samples.length;
  });
  return samples.map(
    (sample, i) => sample - inPhase * Math.sin(angle * i) - offPhase * Math.cos(angle * i),
  );
}

/** A generator of repeatable random numbers in 0..1 (mulberry32). @param {number} seed */
export function seededRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {Float32Array[]} blocks */
export function joined(blocks) {
  const all = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  blocks.reduce((at, block) => {
    all.set(block, at);
    return at + block.length;
  }, 0);
  return all;
}

/** Samples that are never zero and show their index: i mod 32000 + 1. @param {number} length */
export function ramp(length, start = 0) {
  return Int16Array.from({ length }, (_, i) => ((start + i) % 32_000) + 1);
}
