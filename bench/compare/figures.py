"""The figures of a run, and their table. PURE.

A figure is what one relay got in one round. The table has a line for each kind of figure, a column
for each relay with the median of the rounds and their least and most, and a column for each ratio,
taken within each round.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

SUBJECT = "kaiwa"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of figure. `has_ratio`: a ratio of two relays says something."""

    title: str
    unit: str
    has_ratio: bool = True


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, with the least and the most."""

    median: float
    least: float
    most: float


@dataclass(slots=True)
class Figures:
    """All figures, by kind and relay, one for each round in their order."""

    _values: dict[Kind, dict[str, list[float]]] = field(default_factory=dict)
    _marked: set[tuple[Kind, str]] = field(default_factory=set)

    def add(self, relay: str, kind: Kind, value: float, *, is_marked: bool = False) -> None:
        """Add a round's figure. One that is marked has a note in the table."""
        self._values.setdefault(kind, {}).setdefault(relay, []).append(value)
        if is_marked:
            self._marked.add((kind, relay))

    def kinds(self) -> Iterable[Kind]:
        """The kinds of figures, in the order in which they came first."""
        return self._values.keys()

    def of(self, kind: Kind, relay: str) -> Sequence[float]:
        """The figures of a relay, one a round."""
        return self._values[kind].get(relay, ())

    def is_marked(self, kind: Kind, relay: str) -> bool:
        """Whether one of these figures is marked."""
        return (kind, relay) in self._marked

    def as_json(self) -> list[dict[str, Any]]:
        """Return all figures as JSON values."""
        return [
            {"title": kind.title, "unit": kind.unit, "relay": relay, "rounds": values}
            for kind, by_relay in self._values.items()
            for relay, values in by_relay.items()
        ]


def spread_of(values: Iterable[float]) -> Spread | None:
    """Return the spread of the rounds; None if there was none."""
    known = [value for value in values if value == value]
    return Spread(statistics.median(known), min(known), max(known)) if known else None


def ratios_of(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return the ratio of two relays in each round; not where the other's figure is not above 0."""
    pairs = zip(values, others, strict=False)
    return [value / other for value, other in pairs if other > 0]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which this share of the values is (nearest rank); nan of none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def number_text(value: float) -> str:
    """Return a number with three digits that count, and no fewer before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def spread_text(spread: Spread | None, note: str = "") -> str:
    """Return the median, and the least and the most where they differ."""
    if spread is None:
        return "–"
    median, least, most = map(number_text, (spread.median, spread.least, spread.most))
    return median + note if least == most else f"{median}{note} ({least}–{most})"


def table_of(figures: Figures, relays: Sequence[str], mark: str = "†") -> str:
    """Return the table in Markdown, its columns aligned."""
    bases = [name for name in relays if name != SUBJECT] if SUBJECT in relays else []
    heads = ["figure", "unit", *relays, *(f"{SUBJECT} ÷ {name}" for name in bases)]
    rows = [heads, ["-"] * len(heads)]
    for kind in figures.kinds():
        cells = [
            spread_text(
                spread_of(figures.of(kind, name)), mark if figures.is_marked(kind, name) else ""
            )
            for name in relays
        ]
        own = figures.of(kind, SUBJECT) if kind.has_ratio else ()
        ratios = [spread_text(spread_of(ratios_of(own, figures.of(kind, name)))) for name in bases]
        rows.append([kind.title, kind.unit, *cells, *ratios])
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    if set(cells) == {"-"}:
        return "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"
