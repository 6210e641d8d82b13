/**
 * Records every sample with its frame number. Posts "steady" once, when the context renders without
 * skipping, and posts the recorded blocks when it receives any message.
 *
 * A context changes its thread when its first worklet is added: Chromium 156 then renders one quantum
 * and skips those of the next 20 to 140 ms, in 78 of 80 contexts.
 */

const QUANTUM_FRAMES = 128;

/** Four buffers of the device; the skipped quanta come after one. */
const STEADY_QUANTA = 8;

class RecorderProcessor extends AudioWorkletProcessor {
  #blocks = /** @type {{frame: number, samples: Float32Array}[]} */ ([]);
  #expectedFrame = -1;
  #quantaInARow = 0;
  #isSteady = false;

  constructor() {
    super();
    this.port.onmessage = () => this.port.postMessage(this.#blocks);
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    if (!this.#isSteady) this.#checkSteadiness();
    if (channels.length > 0)
      this.#blocks.push({ frame: currentFrame, samples: channels[0].slice() });
    return true;
  }

  #checkSteadiness() {
    this.#quantaInARow = currentFrame === this.#expectedFrame ? this.#quantaInARow + 1 : 1;
    this.#expectedFrame = currentFrame + QUANTUM_FRAMES;
    this.#isSteady = this.#quantaInARow === STEADY_QUANTA;
    if (this.#isSteady) this.port.postMessage("steady");
  }
}

registerProcessor("test-recorder", RecorderProcessor);
