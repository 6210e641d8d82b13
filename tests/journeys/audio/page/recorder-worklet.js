/**
 * Keeps every sample that passes, each block with its frame, until it is asked for them. A browser
 * may leave out quanta while the graph is being changed.
 */

class RecorderProcessor extends AudioWorkletProcessor {
  #blocks = /** @type {{frame: number, samples: Float32Array}[]} */ ([]);

  constructor() {
    super();
    this.port.onmessage = () => this.port.postMessage(this.#blocks);
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    if (channels.length > 0)
      this.#blocks.push({ frame: currentFrame, samples: channels[0].slice() });
    return true;
  }
}

registerProcessor("test-recorder", RecorderProcessor);
