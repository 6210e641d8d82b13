/** The globals of an AudioWorkletGlobalScope for node, and a driver for one processor. */

globalThis.AudioWorkletProcessor = class {
  port = {
    /** @type {((event: {data: any}) => void) | null} */
    onmessage: null,
    /** @type {any[]} */
    sent: [],
    /** @param {any} message */
    postMessage(message) {
      this.sent.push(structuredClone(message));
    },
  };
};

/** @type {Map<string, any>} */
const registered = new Map();
globalThis.registerProcessor = (name, processor) => registered.set(name, processor);

/**
 * Create a registered processor. Its messages are collected in `sent`.
 * @param {string} name
 * @param {number} rate Sample rate of the context, in Hz.
 * @param {object} [processorOptions]
 */
export function processorAt(name, rate, processorOptions = {}) {
  globalThis.sampleRate = rate;
  const Processor = registered.get(name);
  const processor = new Processor({ processorOptions });
  return {
    sent: processor.port.sent,
    /** @param {any} command */
    tell: (command) => processor.port.onmessage({ data: command }),
    /** @param {Float32Array[]} channels */
    hear: (channels) => processor.process([channels], [[new Float32Array(128)]]),
    play: (frames = 128) => {
      const output = new Float32Array(frames);
      return { goesOn: processor.process([], [[output]]), output };
    },
  };
}
