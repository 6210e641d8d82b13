"""The figures of some calls and ledger rows, which can be added up. PURE."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from backend.reports.histogram import Histogram
from backend.reports.joined_counts import sum_of_counts

SUMS = (
    "calls", "call_ms", "turns", "answers", "tokens_in", "tokens_cached", "tokens_out", "cost_usd",
    "unpriced", "estimated",
)  # fmt: skip
"""The figures that are added up as they are: each a field of `Tally`, a column of
`DailyFigures`, and a column of the CSV."""


@dataclass(slots=True)
class Tally:
    """Sums over some calls and ledger rows.

    `call_ms` is the calls' duration, `turns` counts the stored turns of calls. `answers` counts
    the responses in the ledger, spoken and typed. `tokens_in` includes `tokens_cached`. `cost_usd`
    is the sum of the known costs; `unpriced` counts the ledger rows whose cost is unknown, and
    `estimated` those that the provider has not confirmed. `endings` counts calls by their ending.
    `first_sound` has the milliseconds from the end of speech to the first sound of each answer.
    """

    calls: int = 0
    call_ms: int = 0
    turns: int = 0
    answers: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0
    estimated: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    first_sound: Histogram = field(default_factory=Histogram)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Tally":
        """Read the columns of a stored row."""
        return cls(
            **{name: row[name] for name in SUMS},
            endings=Counter(row["endings"]),
            first_sound=Histogram.from_json(row["first_sound"]),
        )

    def add(self, sums: Iterable[Any], endings: str, first_sound: str) -> None:
        """Add the columns of stored rows: the sums in the order of `SUMS`, and the texts of the
        other two, joined (`joined_counts`).
        """
        self._add_sums(*sums)
        for ending, count in sum_of_counts([endings]).items():
            self.endings[ending] += count
        self.first_sound.add_text(first_sound)

    def as_row(self) -> dict[str, Any]:
        """The columns to store."""
        return {name: getattr(self, name) for name in SUMS} | {
            "endings": {ending: self.endings[ending] for ending in sorted(self.endings)},
            "first_sound": self.first_sound.as_json(),
        }

    def merge(self, other: "Tally") -> None:
        """Add the figures of another tally."""
        self._add_sums(
            other.calls, other.call_ms, other.turns, other.answers, other.tokens_in,
            other.tokens_cached, other.tokens_out, other.cost_usd, other.unpriced, other.estimated,
        )  # fmt: skip
        for ending, count in other.endings.items():
            self.endings[ending] += count
        self.first_sound.merge(other.first_sound)

    def _add_sums(
        self, calls: int, call_ms: int, turns: int, answers: int, tokens_in: int,
        tokens_cached: int, tokens_out: int, cost_usd: Decimal, unpriced: int, estimated: int,
    ) -> None:  # fmt: skip
        """Add figures in the order of `SUMS`. Written out: a page adds thousands of rows."""
        self.calls += calls
        self.call_ms += call_ms
        self.turns += turns
        self.answers += answers
        self.tokens_in += tokens_in
        self.tokens_cached += tokens_cached
        self.tokens_out += tokens_out
        self.cost_usd += cost_usd
        self.unpriced += unpriced
        self.estimated += estimated

    @property
    def known_cost_usd(self) -> Decimal | None:
        """`cost_usd`; None if there are costs but none of them is known."""
        return None if self.unpriced and not self.cost_usd else self.cost_usd

    @property
    def minutes(self) -> float:
        """The duration of the calls in minutes."""
        return self.call_ms / 60_000

    @property
    def p50_ms(self) -> int | None:
        """The median of `first_sound`."""
        return self.first_sound.quantile_ms(0.5)

    @property
    def p95_ms(self) -> int | None:
        """The 95th percentile of `first_sound`."""
        return self.first_sound.quantile_ms(0.95)
