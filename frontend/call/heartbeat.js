/**
 * Whether a line still lives: one that has been quiet is asked, and given up if it does not answer.
 *
 * Browsers cannot ping, and a frozen server looks like a person who is listened to. Sound that
 * waits to be sent does not tell either: the systems between take megabytes, a minute of it.
 */

/** Together below 20 s. A question costs the relay one small frame. */
export const QUIET_MS = 10_000;
export const ANSWER_MS = 8_000;

/** Started and stopped; told of every sign of life. */
export class Heartbeat {
  #ask;
  #giveUp;
  #timer = 0;
  #isRunning = false;

  /** @param {{ ask: () => void, giveUp: () => void }} acts */
  constructor({ ask, giveUp }) {
    this.#ask = ask;
    this.#giveUp = giveUp;
  }

  start() {
    this.#isRunning = true;
    this.felt();
  }

  /** Something came. */
  felt() {
    clearTimeout(this.#timer);
    if (this.#isRunning) this.#timer = setTimeout(() => this.#wonder(), QUIET_MS);
  }

  /** Harmless when stopped. */
  stop() {
    clearTimeout(this.#timer);
    this.#isRunning = false;
  }

  #wonder() {
    this.#ask();
    this.#timer = setTimeout(() => {
      this.stop();
      this.#giveUp();
    }, ANSWER_MS);
  }
}
