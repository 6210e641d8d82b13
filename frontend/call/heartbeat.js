/**
 * Detects a dead connection: pings one that has been idle, and reports a timeout when nothing comes.
 *
 * Browsers cannot send WebSocket pings, and a frozen server looks like one that listens. A growing
 * send buffer is no sign either: the systems in between take megabytes, which is a minute of audio.
 */

/** @import { Facts } from "./call-state.js" */

/** Together below 20 s. A ping costs the relay one small frame. */
export const IDLE_MS = 10_000;
export const PONG_TIMEOUT_MS = 8_000;

/** Whether a dead connection must be noticed: somebody talks, or waits for an answer. @param {Facts} facts */
export const needsHeartbeat = ({ hasVoice, isAnswering }) => hasVoice || isAnswering;

/** A timer that is restarted by everything that is received. */
export class Heartbeat {
  #sendPing;
  #onTimeout;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #isRunning = false;

  /** @param {{ sendPing: () => void, onTimeout: () => void }} actions */
  constructor({ sendPing, onTimeout }) {
    this.#sendPing = sendPing;
    this.#onTimeout = onTimeout;
  }

  start() {
    this.#isRunning = true;
    this.received();
  }

  /** Something was received: the connection is alive. Harmless when stopped. */
  received() {
    clearTimeout(this.#timer);
    if (this.#isRunning) this.#timer = setTimeout(() => this.#ping(), IDLE_MS);
  }

  /** Harmless when stopped. */
  stop() {
    clearTimeout(this.#timer);
    this.#isRunning = false;
  }

  #ping() {
    this.#sendPing();
    this.#timer = setTimeout(() => {
      this.stop();
      this.#onTimeout();
    }, PONG_TIMEOUT_MS);
  }
}
