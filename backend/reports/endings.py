"""The few kinds of endings that a chart can show. PURE.

The kind of a new ending follows from its row in `protocol.endings`. Each ending's own words are in
`conversations.ending_words`.
"""

from collections.abc import Mapping
from enum import StrEnum

from backend.bilingual import bilingual
from backend.protocol.endings import ENDINGS, Ending


class Kind(StrEnum):
    """What an ending means for the person who talked; the order is that of the chart."""

    NORMAL = "normal"
    LIMITED = "limited"
    REFUSED = "refused"
    LOST = "lost"
    FAILED = "failed"


BAD = (Kind.LOST, Kind.FAILED)
"""The kinds that nobody wanted."""

KIND_LABELS: Mapping[Kind, str] = {
    Kind.NORMAL: bilingual("Ended normally", "正常終了"),
    Kind.LIMITED: bilingual("Stopped by a limit", "上限による終了"),
    Kind.REFUSED: bilingual("Refused", "拒否"),
    Kind.LOST: bilingual("Connection lost", "接続の切断"),
    Kind.FAILED: bilingual("Failed", "障害"),
}

_LOST = frozenset((Ending.TOO_SLOW, Ending.UNRESPONSIVE))
_NORMAL_CODES = frozenset((1000, 1012, 4408, 4409))
"""The user or the server ended it, a newer call did, or nobody spoke any more."""
_LIMIT_CODES = frozenset((4410, 4429))


def kind_of(ending: str) -> Kind:
    """The kind of an ending. One that this version does not know has failed."""
    if ending not in ENDINGS:
        return Kind.FAILED
    row = ENDINGS[Ending(ending)]
    if row.is_bad:
        return Kind.FAILED
    if ending in _LOST:
        return Kind.LOST
    if row.close_code in _NORMAL_CODES:
        return Kind.NORMAL
    return Kind.LIMITED if row.close_code in _LIMIT_CODES else Kind.REFUSED


def by_kind(endings: Mapping[str, int]) -> dict[Kind, int]:
    """The number of calls of each kind, in the order of the chart."""
    counts = dict.fromkeys(Kind, 0)
    for ending, count in endings.items():
        counts[kind_of(ending)] += count
    return counts


def bad_share(endings: Mapping[str, int]) -> float | None:
    """The share of calls that were lost or failed; None without calls."""
    total = sum(endings.values())
    counts = by_kind(endings)
    return sum(counts[kind] for kind in BAD) / total if total else None
