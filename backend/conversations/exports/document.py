"""What every export format is made from: one session with its calls, turns and usage."""

from collections.abc import Iterable
from dataclasses import dataclass

from backend.conversations.models import Call, Turn, Usage
from backend.conversations.queries import SessionWithFacts, Spent


@dataclass(frozen=True, slots=True)
class Document:
    """One session to export. `turns` are in spoken order.

    `turns` and `usages` may be generators that read the database in batches, so a format iterates
    over each of them once at most, and keeps no rows.
    """

    session: SessionWithFacts
    username: str
    spent: Spent
    calls: tuple[Call, ...]
    turns: Iterable[Turn]
    usages: Iterable[Usage]
