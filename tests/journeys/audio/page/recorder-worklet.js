/** Keeps every sample that passes, and the frame of the first, until it is asked for them. */

class RecorderProcessor extends AudioWorkletProcessor {
  #blocks = /** @type {Float32Array[]} */ ([]);
  #firstFrame = -1;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.port.postMessage({ blocks: this.#blocks, firstFrame: this.#firstFrame });
    };
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    if (channels.length === 0) return true;
    if (this.#firstFrame < 0) this.#firstFrame = currentFrame;
    this.#blocks.push(channels[0].slice());
    return true;
  }
}

registerProcessor("test-recorder", RecorderProcessor);
