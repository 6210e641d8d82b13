/** Helpers for the scenarios: waiting for conditions, a recorder, a ramp of samples. */

import { base64FromPcm } from "/static/audio/pcm.js";

/**
 * Polls the condition every 5 ms; resolves when it is true.
 * @param {() => boolean} condition
 * @param {string} what
 */
export async function until(condition, what, timeoutMs = 10_000) {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * @param {AudioContext} context
 * @param {number} seconds In the context's own time.
 */
export function untilElapsed(context, seconds) {
  const then = context.currentTime + seconds;
  return until(() => context.currentTime >= then, `${seconds} s have passed`);
}

/** @param {AudioContextOptions} [options] */
export async function runningContext(options) {
  const context = new AudioContext({ latencyHint: "interactive", ...options });
  await context.resume();
  return context;
}

/** Blocks the main thread. @param {number} ms */
export function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Encodes Float32 samples. @param {Float32Array} samples */
export function floatsAsBase64(samples) {
  return base64FromPcm(new Int16Array(samples.buffer, samples.byteOffset, samples.length * 2));
}

export class Recorder {
  #node;

  /** @param {AudioWorkletNode} node */
  constructor(node) {
    this.#node = node;
  }

  /**
   * Resolves when the context no longer skips quanta; see recorder-worklet.js.
   * @param {AudioContext} context
   * @param {AudioNode} source
   */
  static async connectedTo(context, source) {
    await context.audioWorklet.addModule("/page/recorder-worklet.js");
    const node = new AudioWorkletNode(context, "test-recorder");
    const { promise: steady, resolve } = Promise.withResolvers();
    node.port.onmessage = resolve;
    source.connect(node).connect(context.destination);
    await steady;
    return new Recorder(node);
  }

  /**
   * All recorded samples, from the context's first frame on.
   * @returns {Promise<Float32Array>}
   */
  async report() {
    const { promise, resolve } = Promise.withResolvers();
    this.#node.port.onmessage = ({ data }) => resolve(data);
    this.#node.port.postMessage("report");
    const blocks = await promise;
    const last = blocks.at(-1);
    const heard = new Float32Array(last.frame + last.samples.length);
    for (const { frame, samples } of blocks) heard.set(samples, frame);
    return heard;
  }
}

/**
 * A ramp that is never zero, so that each sample shows its position: i mod 32000 + 1.
 * @param {number} start
 * @param {number} length
 */
export function ramp(start, length) {
  return Int16Array.from({ length }, (_, i) => ((start + i) % 32_000) + 1);
}
