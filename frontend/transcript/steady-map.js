/** Maps a list that is mapped again and again while few of its items change. Pure. */

/**
 * @template {object} T
 * @template R
 */
export class SteadyMap {
  /** @type {ReadonlyArray<T>} */
  #items = [];
  /** @type {R[]} */
  #made = [];

  /**
   * As `items.map(make)`. `make` is also given what it returned last time, if the item is the same object
   * at the same index as then, and may return that again.
   *
   * @param {ReadonlyArray<T>} items Not changed afterwards.
   * @param {(item: T, index: number, known: R | undefined) => R} make
   * @returns {R[]}
   */
  map(items, make) {
    const before = this.#items;
    const made = this.#made;
    this.#made = items.map((item, index) =>
      make(item, index, item === before[index] ? made[index] : undefined),
    );
    this.#items = items;
    return this.#made;
  }
}
