/** Discards late answers: of several overlapping tasks only the latest one counts. Pure. */

/**
 * Hands out one `AbortSignal` per task. Only the newest is not aborted.
 *
 * A task takes `next()` before it waits for something and checks `signal.aborted` after it: an
 * aborted signal means that a later task began, or that `cancel()` was called. The signal also ends
 * event listeners that were added with `{ signal }`.
 */
export class Latest {
  #controller = new AbortController();

  /** The signal of the newest task, for work that belongs to it. @returns {AbortSignal} */
  get signal() {
    return this.#controller.signal;
  }

  /** Begin a new task: abort every earlier signal. @returns {AbortSignal} The signal of the new task. */
  next() {
    this.#controller.abort();
    this.#controller = new AbortController();
    return this.#controller.signal;
  }

  /** Abort the newest task without beginning another. Harmless when there is none. */
  cancel() {
    this.#controller.abort();
  }
}
