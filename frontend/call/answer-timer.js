/** How long the server may send nothing at all while an answer is due. */
export const ANSWER_TIMEOUT_MS = 20_000;

/** Reports an answer that does not come: "Thinking" must not be shown for ever on a dead connection. */
export class AnswerTimer {
  #onTimeout;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} onTimeout */
  constructor(onTimeout) {
    this.#onTimeout = onTimeout;
  }

  /**
   * Start again from zero; without a due answer only stop.
   *
   * @param {boolean} isAnswerDue
   */
  restart(isAnswerDue) {
    clearTimeout(this.#timer);
    if (isAnswerDue) this.#timer = setTimeout(this.#onTimeout, ANSWER_TIMEOUT_MS);
  }
}
