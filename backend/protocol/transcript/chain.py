"""The order of a conversation's items, from what each says of its predecessor and nothing else.

Laws:
1. `previous_item_id` null means first; absent means unknown; a name may be of an item not yet seen.
2. Two items with one predecessor: the later insertion stands directly behind it, as the provider
   does it. But what was deleted there was said before: it stays in front of what came in its place.
3. An item that nobody places and nobody refers to stands where the conversation ended when it was
   first seen. One that others refer to begins a chain of its own, behind the chains seen before it.
4. What the item itself says (`ITEM`) outranks its commit (`COMMIT`), and both outrank its neighbour
   in a response's output (`GUESS`); of equal rank the first is kept, so repetition changes nothing.
5. Nothing is ever lost, whatever circle a broken provider describes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Rank(IntEnum):
    """How much a statement about an item's predecessor is worth."""

    GUESS = 1
    COMMIT = 2
    ITEM = 3


@dataclass(slots=True)
class _Link:
    """What is known of one item's place; `inserted` orders siblings, `anchor` is law 3's end."""

    anchor: str | None
    rank: int = 0
    previous: str | None = None
    inserted: int = 0
    deleted: bool = False


class ItemChain:
    """A list of item ids that is always in the best order known so far."""

    def __init__(self, past_item_ids: Sequence[str] = ()) -> None:
        """`past_item_ids` are replayed before anything else, in this order."""
        self._links: dict[str, _Link] = {}
        self._insertions = 0
        self._has_deleted = False
        self._order: list[str] | None = None
        previous = None
        for item_id in past_item_ids:
            self.place(item_id, previous, Rank.ITEM)
            previous = item_id

    def see(self, item_id: str) -> None:
        """Note that this item exists."""
        if item_id not in self._links:
            order = self.order()
            self._links[item_id] = _Link(order[-1] if order else None)
            order.append(item_id)

    def place(self, item_id: str, previous: str | None, rank: Rank) -> None:
        """Note that this item stands behind `previous`; None is the beginning."""
        self.see(item_id)
        link = self._links[item_id]
        if link.rank >= rank or previous == item_id:
            return
        if previous is not None:
            self.see(previous)
        if not self._stands_behind(item_id, link, previous):
            self._order = None
        if not link.rank:
            self._insertions += 1
            link.inserted = self._insertions
        link.rank, link.previous = rank, previous

    def delete(self, item_id: str) -> None:
        """Note that the provider has forgotten this item."""
        self.see(item_id)
        self._links[item_id].deleted = self._has_deleted = True
        self._order = None

    def order(self) -> list[str]:
        """Every item, in spoken order: a new list after each change but growth at its end."""
        if self._order is None:
            self._order = self._walk()
        return self._order

    def _stands_behind(self, item_id: str, link: _Link, previous: str | None) -> bool:
        """Whether placing it there moves nothing, as with nearly every item: no walk is needed.

        Without this, a call of n items costs n walks of n steps.
        """
        if link.rank:
            return link.previous == previous
        if self._order is None or self._has_deleted or self._order[-1] != item_id:
            return False
        # To be followed turns an item that nobody placed into a chain, which stands elsewhere.
        if previous is not None and not self._links[previous].rank:
            return False
        return previous == (self._order[-2] if len(self._order) > 1 else None)

    def _walk(self) -> list[str]:
        behind = self._followers()
        waiting = [item_id for item_id, link in self._links.items() if not link.rank]
        chains = [item_id for item_id in waiting if item_id in behind]
        leaves = [item_id for item_id in waiting if item_id not in behind]
        for item_id in reversed(leaves):
            behind.setdefault(self._links[item_id].anchor, []).insert(0, item_id)
        tops = [*behind.get(None, ()), *chains]
        order = _down(behind, tops)
        # Whatever is missing now goes round in a circle (law 5).
        return order if len(order) == len(self._links) else _down(behind, [*tops, *self._links])

    def _followers(self) -> dict[str | None, list[str]]:
        """Each predecessor's followers, in the order of law 2."""
        behind: dict[str | None, list[str]] = {}
        placed = (item_id for item_id, link in self._links.items() if link.rank)
        for item_id in sorted(placed, key=lambda item_id: -self._links[item_id].inserted):
            behind.setdefault(self._links[item_id].previous, []).append(item_id)
        gone = self._gone()
        if gone:
            for siblings in behind.values():
                dead = [item_id for item_id in reversed(siblings) if item_id in gone]
                siblings[:] = dead + [item_id for item_id in siblings if item_id not in gone]
        return behind

    def _gone(self) -> set[str]:
        """The deleted items behind which nothing lives."""
        gone = {item_id for item_id, link in self._links.items() if link.deleted}
        if not gone:
            return gone
        followed: set[str | None] = {None}
        for link in self._links.values():
            above = None if link.deleted else link.previous
            while above not in followed:
                followed.add(above)
                above = self._links[above].previous if above else None
        return gone - followed


def _down(behind: dict[str | None, list[str]], tops: Iterable[str]) -> list[str]:
    """Each top, then its followers with theirs; every item once. Long chains cost no recursion."""
    order: dict[str, None] = {}
    stack = list(tops)[::-1]
    while stack:
        item_id = stack.pop()
        if item_id not in order:
            order[item_id] = None
            stack.extend(reversed(behind.get(item_id, ())))
    return list(order)
