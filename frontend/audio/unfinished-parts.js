/** Content parts whose audio has come, and whose `response.output_audio.done` has not. Pure. */

/** @typedef {{ itemId: string, contentIndex: number, responseId: string }} AudioPart */

/** The end of a part's audio also follows from that of its item or response, if its own was lost. */
export class UnfinishedParts {
  /** @type {AudioPart[]} */
  #parts = [];

  /** Audio came for this part. @param {AudioPart} part */
  add(part) {
    const isKnown = this.#parts.some(
      ({ itemId, contentIndex }) => itemId === part.itemId && contentIndex === part.contentIndex,
    );
    if (!isKnown) this.#parts.push(part);
  }

  /**
   * Remove the parts that have ended.
   *
   * @param {(part: AudioPart) => boolean} hasEnded
   * @returns {AudioPart[]} Those removed, in the order of their audio.
   */
  take(hasEnded = () => true) {
    const ended = this.#parts.filter(hasEnded);
    this.#parts = this.#parts.filter((part) => !ended.includes(part));
    return ended;
  }
}
