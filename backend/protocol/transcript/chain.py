"""The order of a conversation's items, from the predecessor that each event names.

Laws:
1. `previous_item_id` null means that the item is first; a missing one means that its place is
   unknown; an id may be of an item that no event has described yet.
2. Of two items with the same predecessor, the one inserted later stands directly behind it, as in
   the provider's own list. But a deleted item was said before the item that took its place, so it
   stays in front of it.
3. An item without a known predecessor, and which is no item's predecessor, stands where the
   conversation ended when the item was first seen. One that other items follow begins a chain of
   its own, behind the chains seen before it.
4. The item's own event (`ITEM`) outranks its commit (`COMMIT`), and both outrank its neighbour in a
   response's output (`GUESS`). Of equal rank the first counts, so a repeated event changes nothing.
5. No item is ever lost, even if a broken provider describes a cycle.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Rank(IntEnum):
    """How reliable a statement about an item's predecessor is."""

    GUESS = 1
    COMMIT = 2
    ITEM = 3


@dataclass(slots=True)
class _Link:
    """What is known of one item's place.

    `rank` is 0 while the predecessor is unknown; `insertion` orders items with one predecessor;
    `last_when_seen` is the last item of the conversation when this one was first seen (law 3).
    """

    last_when_seen: str | None
    rank: int = 0
    previous: str | None = None
    insertion: int = 0
    is_deleted: bool = False


class ItemChain:
    """A list of item ids that is always in the best order known so far."""

    def __init__(self, past_item_ids: Sequence[str] = ()) -> None:
        """`past_item_ids` are replayed before anything else, in this order."""
        self._links: dict[str, _Link] = {}
        self._insertions = 0
        self._has_deleted = False
        self._order: list[str] | None = None
        if past_item_ids:
            self._place_past(past_item_ids)

    def _place_past(self, item_ids: Sequence[str]) -> None:
        """Place each item behind the one before it."""
        before = (None, *item_ids)
        if len(set(item_ids)) < len(item_ids):
            for item_id, previous in zip(item_ids, before, strict=False):
                self.place(item_id, previous, Rank.ITEM)
            return
        # What `place` comes to for items in order, at a fifth of its cost: a call may have 400.
        self._links = {
            item_id: _Link(previous, Rank.ITEM, previous, number)
            for number, (item_id, previous) in enumerate(zip(item_ids, before, strict=False), 1)
        }
        self._insertions = len(item_ids)
        self._order = list(item_ids)

    def add(self, item_id: str) -> None:
        """Add this item, at the end until its place is known; a known item stays where it is."""
        if item_id not in self._links:
            order = self.order()
            self._links[item_id] = _Link(order[-1] if order else None)
            order.append(item_id)

    def place(self, item_id: str, previous: str | None, rank: Rank) -> None:
        """Put this item behind `previous`, or first for None, unless its place is known better."""
        self.add(item_id)
        link = self._links[item_id]
        if link.rank >= rank or previous == item_id:
            return
        if previous is not None:
            self.add(previous)
        if not self._is_in_place(item_id, link, previous):
            self._order = None
        if not link.rank:
            self._insertions += 1
            link.insertion = self._insertions
        link.rank, link.previous = rank, previous

    def mark_deleted(self, item_id: str) -> None:
        """Record that the provider deleted this item; it keeps a place here."""
        self.add(item_id)
        self._links[item_id].is_deleted = self._has_deleted = True
        self._order = None

    def order(self) -> list[str]:
        """Every item, in spoken order: a new list after each change except an item at its end."""
        if self._order is None:
            self._order = self._sorted()
        return self._order

    def _is_in_place(self, item_id: str, link: _Link, previous: str | None) -> bool:
        """Whether the item stands there already, as nearly every item does: no sorting is needed.

        Without this, a call of n items would sort n times over n items.
        """
        if link.rank:
            return link.previous == previous
        if self._order is None or self._has_deleted or self._order[-1] != item_id:
            return False
        # A first follower turns an item of unknown place into a chain, which stands elsewhere.
        if previous is not None and not self._links[previous].rank:
            return False
        return previous == (self._order[-2] if len(self._order) > 1 else None)

    def _sorted(self) -> list[str]:
        followers = self._followers()
        unplaced = [item_id for item_id, link in self._links.items() if not link.rank]
        chain_heads = [item_id for item_id in unplaced if item_id in followers]
        single_items = [item_id for item_id in unplaced if item_id not in followers]
        for item_id in reversed(single_items):
            followers.setdefault(self._links[item_id].last_when_seen, []).insert(0, item_id)
        roots = [*followers.get(None, ()), *chain_heads]
        order = _depth_first(followers, roots)
        if len(order) == len(self._links):
            return order
        # The items that are missing form a cycle (law 5).
        return _depth_first(followers, [*roots, *self._links])

    def _followers(self) -> dict[str | None, list[str]]:
        """The placed items behind each predecessor, in the order of law 2."""
        followers: dict[str | None, list[str]] = {}
        placed = (item_id for item_id, link in self._links.items() if link.rank)
        for item_id in sorted(placed, key=lambda item_id: -self._links[item_id].insertion):
            followers.setdefault(self._links[item_id].previous, []).append(item_id)
        replaced = self._deleted_without_followers()
        if replaced:
            for siblings in followers.values():
                in_front = [item_id for item_id in reversed(siblings) if item_id in replaced]
                siblings[:] = in_front + [i for i in siblings if i not in replaced]
        return followers

    def _deleted_without_followers(self) -> set[str]:
        """The deleted items that no remaining item stands behind, directly or further down."""
        deleted = {item_id for item_id, link in self._links.items() if link.is_deleted}
        if not deleted:
            return deleted
        followed: set[str | None] = {None}
        for link in self._links.values():
            ancestor = None if link.is_deleted else link.previous
            while ancestor not in followed:
                followed.add(ancestor)
                ancestor = self._links[ancestor].previous if ancestor else None
        return deleted - followed


def _depth_first(followers: dict[str | None, list[str]], roots: Iterable[str]) -> list[str]:
    """Each root, then its followers with theirs, every item once; without recursion."""
    order: dict[str, None] = {}
    stack = list(roots)[::-1]
    while stack:
        item_id = stack.pop()
        if item_id not in order:
            order[item_id] = None
            stack.extend(reversed(followers.get(item_id, ())))
    return list(order)
