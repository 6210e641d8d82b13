/** Sends the microphone's audio as fast as the network takes it, and reports a network that is slow. */

import { base64FromPcm, CHUNK_MS } from "../audio/pcm.js";
import { AUDIO } from "../shared-facts.js";
import { AudioQueue } from "./audio-queue.js";

/** @import { Connection } from "./connection.js" */

/** The browser's send buffer is filled up to 2 s of audio; the rest stays in our queue. */
const MAX_UNSENT_BYTES = 2000 * AUDIO.bytesPerMs;
/** The card about lost audio stays this long, even when the network recovers at once. */
const SLOW_SHOWN_MS = 8_000;

/**
 * @typedef {{
 *   connection: Pick<Connection, "send" | "unsentBytes">,
 *   isFlowing: () => boolean,
 *   onSlowNetwork: () => void,
 *   onNetworkRecovered: () => void,
 *   onFailed: (error: unknown) => void,
 *   now?: () => number,
 * }} AudioSenderOptions `isFlowing` says whether audio may be sent now; until then it is queued.
 *   `onFailed` is given an exception of the timer that empties the queue.
 */

/** A queue of microphone chunks in front of the connection. */
export class AudioSender {
  #options;
  #now;
  #queue = new AudioQueue();
  #isSlow = false;
  #slowSinceMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {AudioSenderOptions} options */
  constructor(options) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Queue a chunk and send what may be sent. @param {Int16Array} pcm 24 kHz, mono. */
  push(pcm) {
    const hasDropped = this.#queue.push(pcm);
    if (!this.#options.isFlowing()) return;
    // Before flush(): what is sent now counts as unsent until this task ends.
    this.#checkSpeed(hasDropped);
    this.flush();
  }

  /** Send the queued chunks, oldest first, until the browser's send buffer is full. */
  flush() {
    const { connection, isFlowing, onFailed } = this.#options;
    while (connection.unsentBytes <= MAX_UNSENT_BYTES) {
      const pcm = this.#queue.shift();
      if (!pcm) return;
      connection.send({ type: "input_audio_buffer.append", audio: base64FromPcm(pcm) });
    }
    // With push-to-talk, no further chunk may come that would call flush() again.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      try {
        if (isFlowing()) this.flush();
      } catch (error) {
        onFailed(error);
      }
    }, CHUNK_MS);
  }

  /**
   * Report that audio was lost because the network or the server is too slow.
   *
   * @param {boolean} willRecover Whether further chunks will come, which notice when it is over.
   */
  reportSlow(willRecover) {
    this.#slowSinceMs = this.#now();
    if (!this.#isSlow) this.#options.onSlowNetwork();
    this.#isSlow = willRecover;
  }

  /** A new connection starts with an empty send buffer. */
  resetSpeed() {
    this.#isSlow = false;
  }

  /** Drop what is queued; the microphone is off. */
  clear() {
    clearTimeout(this.#timer);
    this.#queue.clear();
    if (this.#isSlow) this.#options.onNetworkRecovered();
    this.#isSlow = false;
  }

  /** @param {boolean} hasDropped */
  #checkSpeed(hasDropped) {
    if (hasDropped) return this.reportSlow(true);
    if (!this.#isSlow || this.#options.connection.unsentBytes > 0) return;
    if (this.#now() - this.#slowSinceMs < SLOW_SHOWN_MS) return;
    this.#isSlow = false;
    this.#options.onNetworkRecovered();
  }
}
