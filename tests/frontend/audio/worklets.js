/** The audio thread's globals for node: a processor is fed quanta and its messages are kept. */

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
 * A processor as the audio thread would make it.
 * @param {string} name
 * @param {number} rate Of the context, in Hz.
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
