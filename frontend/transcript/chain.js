/**
 * The order of a conversation's items, from the predecessor that each event names. Pure.
 *
 * The laws are those of `backend/protocol/transcript/chain.py`, where they are written down, and the
 * same tapes test both. The names are the same too.
 */

/** How reliable a statement about an item's predecessor is (law 4). */
export const Rank = Object.freeze({ GUESS: 1, COMMIT: 2, ITEM: 3 });

/**
 * What is known of one item's place. `rank` is 0 while the predecessor is unknown; `insertion` orders
 * items with one predecessor; `lastWhenSeen` is the last item of the conversation when this one was
 * first seen (law 3).
 *
 * @typedef {{
 *   lastWhenSeen: string | null, rank: number, previous: string | null, insertion: number,
 *   isDeleted: boolean,
 * }} Link
 */

/** A list of item ids that is always in the best order known so far. */
export class ItemChain {
  /** @type {Map<string, Link>} In the order in which the items were first seen. */
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
      this.place(id, previous, Rank.ITEM);
      previous = id;
    }
  }

  /** Add this item, at the end until its place is known; a known item stays where it is.
   * @param {string} id */
  add(id) {
    if (this.#links.has(id)) return;
    const order = this.order();
    const lastWhenSeen = order.at(-1) ?? null;
    this.#links.set(id, { lastWhenSeen, rank: 0, previous: null, insertion: 0, isDeleted: false });
    order.push(id);
  }

  /**
   * Put this item behind `previous`, or first for null, unless its place is known better.
   *
   * @param {string} id
   * @param {string | null} previous
   * @param {number} rank One of `Rank`.
   */
  place(id, previous, rank) {
    const link = this.#addedLink(id);
    if (link.rank >= rank || previous === id) return;
    if (previous !== null) this.add(previous);
    if (!this.#isInPlace(id, link, previous)) this.#order = null;
    if (!link.rank) link.insertion = ++this.#insertions;
    link.rank = rank;
    link.previous = previous;
  }

  /** Record that the provider deleted this item; it keeps a place here. @param {string} id */
  markDeleted(id) {
    this.#addedLink(id).isDeleted = true;
    this.#hasDeleted = true;
    this.#order = null;
  }

  /** @returns {string[]} Every item, in spoken order. */
  order() {
    this.#order ??= this.#sorted();
    return this.#order;
  }

  /**
   * Whether the item stands there already, as nearly every item does: no sorting is needed. Without
   * this, a call of n items would sort n times over n items.
   *
   * @param {string} id
   * @param {Link} link
   * @param {string | null} previous An added item, or null.
   */
  #isInPlace(id, link, previous) {
    if (link.rank) return link.previous === previous;
    if (this.#order === null || this.#hasDeleted || this.#order.at(-1) !== id) return false;
    // A first follower turns an item of unknown place into a chain, which stands elsewhere.
    if (previous !== null && !this.#links.get(previous)?.rank) return false;
    return previous === (this.#order.at(-2) ?? null);
  }

  /** @param {string} id An item, added if it is new. */
  #addedLink(id) {
    this.add(id);
    return /** @type {Link} */ (this.#links.get(id));
  }

  #sorted() {
    const followers = this.#followers();
    const unplaced = [...this.#links].filter(([, link]) => !link.rank);
    const chainHeads = unplaced.filter(([id]) => followers.has(id)).map(([id]) => id);
    const singleItems = unplaced.filter(([id]) => !followers.has(id));
    for (const [id, { lastWhenSeen }] of singleItems.reverse()) {
      followers.set(lastWhenSeen, [id, ...(followers.get(lastWhenSeen) ?? [])]);
    }
    const roots = [...(followers.get(null) ?? []), ...chainHeads];
    const order = depthFirst(followers, roots);
    if (order.length === this.#links.size) return order;
    // The items that are missing form a cycle (law 5).
    return depthFirst(followers, [...roots, ...this.#links.keys()]);
  }

  /** @returns {Map<string | null, string[]>} The placed items behind each predecessor (law 2). */
  #followers() {
    /** @type {Map<string | null, string[]>} */
    const followers = new Map();
    const placed = [...this.#links].filter(([, link]) => link.rank);
    for (const [id, link] of placed.sort(([, a], [, b]) => b.insertion - a.insertion)) {
      const siblings = followers.get(link.previous);
      if (siblings) siblings.push(id);
      else followers.set(link.previous, [id]);
    }
    const replaced = this.#deletedWithoutFollowers();
    for (const [previous, siblings] of replaced.size ? followers : []) {
      const inFront = siblings.filter((id) => replaced.has(id)).reverse();
      followers.set(previous, [...inFront, ...siblings.filter((id) => !replaced.has(id))]);
    }
    return followers;
  }

  /** The deleted items that no remaining item stands behind, directly or further down. */
  #deletedWithoutFollowers() {
    const links = [...this.#links];
    const deleted = new Set(links.filter(([, link]) => link.isDeleted).map(([id]) => id));
    if (!deleted.size) return deleted;
    /** @type {Set<string>} */
    const followed = new Set();
    for (const link of this.#links.values()) {
      let ancestor = link.isDeleted ? null : link.previous;
      while (ancestor !== null && !followed.has(ancestor)) {
        followed.add(ancestor);
        ancestor = this.#links.get(ancestor)?.previous ?? null;
      }
    }
    for (const id of followed) deleted.delete(id);
    return deleted;
  }
}

/**
 * Each root, then its followers with theirs, every item once; without recursion.
 *
 * @param {Map<string | null, string[]>} followers
 * @param {string[]} roots
 * @returns {string[]}
 */
function depthFirst(followers, roots) {
  /** @type {Set<string>} */
  const order = new Set();
  const stack = [...roots].reverse();
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (order.has(id)) continue;
    order.add(id);
    stack.push(...(followers.get(id) ?? []).toReversed());
  }
  return [...order];
}
