"""A histogram of latencies that can be merged: quantiles of any days, users or models. PURE.

Quantiles cannot be added up, histograms can. The buckets grow by a constant factor, so that the
error is relative: a quantile is at most `RELATIVE_ERROR` away from the exact one. This is the
sketch of DDSketch (Masson, Rim, Lee: "DDSketch", VLDB 2019), without its limit on buckets: the
values of a column of integers need no more than 539.
"""

import math
from collections.abc import Iterable, Mapping

from backend.reports.joined_counts import sum_of_counts

RELATIVE_ERROR = 0.02
_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GROWTH = math.log(_GROWTH)


class Histogram:
    """The number of values in each bucket. Bucket n holds (growth^(n-1), growth^n] milliseconds.

    Bucket 0 holds 0 ms and 1 ms. Texts are only noted, and added up when they are read: a page of
    numbers merges thousands of histograms into many, and reads the sums of some.
    """

    __slots__ = ("_counts", "_texts")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._texts: list[str] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]

    @property
    def counts(self) -> dict[int, int]:
        """The number of values by bucket."""
        if self._texts:
            sums, self._texts = sum_of_counts(self._texts), []
            self._add_counts({int(bucket): count for bucket, count in sums.items()})
        return self._counts

    @classmethod
    def of(cls, values_ms: Iterable[int]) -> "Histogram":
        """The histogram of these values. A negative value counts as 0."""
        histogram = cls()
        for value_ms in values_ms:
            histogram.add(value_ms)
        return histogram

    @classmethod
    def from_json(cls, stored: Mapping[str, int]) -> "Histogram":
        """Read what `as_json` returned."""
        histogram = cls()
        histogram._add_counts({int(bucket): count for bucket, count in stored.items()})
        return histogram

    def add_text(self, text: str) -> None:
        """Add the counts in the text of one or several histograms (`joined_counts`)."""
        self._texts.append(text)

    def as_json(self) -> dict[str, int]:
        """The counts by bucket, in order, as they are stored."""
        counts = self.counts
        return {str(bucket): counts[bucket] for bucket in sorted(counts)}

    def add(self, value_ms: int) -> None:
        """Count one value."""
        bucket = math.ceil(math.log(value_ms) / _LOG_GROWTH) if value_ms > 1 else 0
        self._counts[bucket] = self._counts.get(bucket, 0) + 1

    def merge(self, other: "Histogram") -> None:
        """Add the counts of another histogram."""
        self._texts += other._texts
        self._add_counts(other._counts)

    def _add_counts(self, counts: Mapping[int, int]) -> None:
        for bucket, count in counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count

    @property
    def total(self) -> int:
        """The number of values."""
        return sum(self.counts.values())

    def quantile_ms(self, share: float) -> int | None:
        """The value that this share of all values does not exceed (nearest rank); None without
        values.

        At most `RELATIVE_ERROR` away from the exact one, and half a millisecond by rounding.
        """
        rank = max(1, math.ceil(share * self.total))
        counts = self.counts
        for bucket in sorted(counts):
            rank -= counts[bucket]
            if rank <= 0:
                return round(2 * _GROWTH**bucket / (_GROWTH + 1))
        return None
