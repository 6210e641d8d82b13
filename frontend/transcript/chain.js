/**
 * The order of a conversation's items, from what each says of its predecessor and nothing else. Pure.
 *
 * The laws are those of backend/protocol/chain.py, and the same tapes prove both:
 * null means first, absent means unknown, a name may be of an item not yet seen; of two items with
 * one predecessor the later insertion stands directly behind it, save that what was deleted there
 * stays in front; what nobody places or refers to stands where the conversation ended when it was
 * first seen; what only others refer to begins a chain of its own; and nothing is ever lost.
 */

/** How much a statement about an item's predecessor is worth. */
export const GUESS = 1;
export const COMMIT = 2;
export const ITEM = 3;

/**
 * @typedef {{
 *   anchor: string | null, rank: number, previous: string | null, inserted: number,
 *   isDeleted: boolean,
 * }} Link
 */

/** A list of item ids that is always in the best order known so far. */
export class ItemChain {
  /** @type {Map<string, Link>} In the order in which they were first seen. */
  #links = new Map();
  #insertions = 0;
  #hasDeleted = false;
  /** @type {string[] | null} */
  #order = null;

  /** @param {Iterable<string>} pastItemIds Replayed before anything else, in this order. */
  constructor(pastItemIds = []) {
    /** @type {string | null} */
    let previous = null;
    for (const id of pastItemIds) {
      this.place(id, previous, ITEM);
      previous = id;
    }
  }

  /** @param {string} id Note that this item exists. */
  see(id) {
    if (this.#links.has(id)) return;
    const order = this.order();
    const anchor = order.at(-1) ?? null;
    this.#links.set(id, { anchor, rank: 0, previous: null, inserted: 0, isDeleted: false });
    order.push(id);
  }

  /**
   * Note that this item stands behind `previous`; null is the beginning.
   *
   * @param {string} id
   * @param {string | null} previous
   * @param {number} rank
   */
  place(id, previous, rank) {
    const link = this.#link(id);
    if (link.rank >= rank || previous === id) return;
    if (previous !== null) this.see(previous);
    if (!this.#standsBehind(id, link, previous)) this.#order = null;
    if (!link.rank) link.inserted = ++this.#insertions;
    link.rank = rank;
    link.previous = previous;
  }

  /** @param {string} id Note that the provider has forgotten this item. */
  delete(id) {
    this.#link(id).isDeleted = true;
    this.#hasDeleted = true;
    this.#order = null;
  }

  /** @returns {string[]} Every item, in spoken order. */
  order() {
    this.#order ??= this.#walk();
    return this.#order;
  }

  /**
   * Whether placing it there moves nothing, as with nearly every item: no walk is needed.
   *
   * @param {string} id
   * @param {Link} link
   * @param {string | null} previous
   */
  #standsBehind(id, link, previous) {
    if (link.rank) return link.previous === previous;
    if (this.#order === null || this.#hasDeleted || this.#order.at(-1) !== id) return false;
    // To be followed turns an item that nobody placed into a chain, which stands elsewhere.
    if (previous !== null && !this.#link(previous).rank) return false;
    return previous === (this.#order.at(-2) ?? null);
  }

  /** @param {string} id */
  #link(id) {
    this.see(id);
    return /** @type {Link} */ (this.#links.get(id));
  }

  #walk() {
    const behind = this.#followers();
    const waiting = [...this.#links].filter(([, link]) => !link.rank).map(([id]) => id);
    const chains = waiting.filter((id) => behind.has(id));
    const leaves = waiting.filter((id) => !behind.has(id));
    for (const id of leaves.reverse()) {
      const anchor = this.#link(id).anchor;
      behind.set(anchor, [id, ...(behind.get(anchor) ?? [])]);
    }
    const tops = [...(behind.get(null) ?? []), ...chains];
    const order = down(behind, tops);
    // Whatever is missing now goes round in a circle, which only a broken provider can say.
    if (order.length === this.#links.size) return order;
    return down(behind, [...tops, ...this.#links.keys()]);
  }

  /** @returns {Map<string | null, string[]>} Each predecessor's followers, in order. */
  #followers() {
    /** @type {Map<string | null, string[]>} */
    const behind = new Map();
    const placed = [...this.#links].filter(([, link]) => link.rank);
    for (const [id, link] of placed.sort(([, a], [, b]) => b.inserted - a.inserted)) {
      const siblings = behind.get(link.previous);
      if (siblings) siblings.push(id);
      else behind.set(link.previous, [id]);
    }
    const gone = this.#gone();
    for (const [previous, siblings] of gone.size ? behind : []) {
      const dead = siblings.filter((id) => gone.has(id)).reverse();
      behind.set(previous, [...dead, ...siblings.filter((id) => !gone.has(id))]);
    }
    return behind;
  }

  /** The deleted items behind which nothing lives. */
  #gone() {
    const gone = new Set([...this.#links].filter(([, link]) => link.isDeleted).map(([id]) => id));
    if (!gone.size) return gone;
    /** @type {Set<string>} */
    const followed = new Set();
    for (const link of this.#links.values()) {
      let above = link.isDeleted ? null : link.previous;
      while (above !== null && !followed.has(above)) {
        followed.add(above);
        above = this.#links.get(above)?.previous ?? null;
      }
    }
    for (const id of followed) gone.delete(id);
    return gone;
  }
}

/**
 * Each top, then its followers with theirs; every item once. Long chains cost no recursion.
 *
 * @param {Map<string | null, string[]>} behind
 * @param {string[]} tops
 * @returns {string[]}
 */
function down(behind, tops) {
  /** @type {Set<string>} */
  const order = new Set();
  const stack = [...tops].reverse();
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (order.has(id)) continue;
    order.add(id);
    stack.push(...(behind.get(id) ?? []).toReversed());
  }
  return [...order];
}
