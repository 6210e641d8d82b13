"""What this process has counted since it started: plain numbers, read by `/metrics`. PURE.

Counting is on the audio path, so it is an addition to an attribute: no lock, no label lookup in a
library, no clock of its own. Only the event loop counts, but for costs, which requests count too; a
reader on another thread sees at worst the value of a moment ago. What Prometheus calls the metrics
is in `telemetry.metrics`.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from threading import Lock

RELAY_LATENCY_BOUNDS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
)  # fmt: skip
"""From the 0.1 ms of an idle process to the 100 ms that a listener hears as a gap."""
FIRST_SOUND_BOUNDS_S = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Around a second: a pause in human conversation is 0.2 s, and above 1.5 s people speak again."""


class Histogram:
    """How many values fell into each bucket, and their sum.

    `counts[i]` has the values that are at most `bounds[i]` and above the bound before; the last
    one, those above every bound.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class ProcessCounters:
    """The counters of one process. The keys of each `Counter` are the values of one label.

    Frames are counted by side: received from it, and handed over to be sent to it. `call_seconds`
    grows while calls run. `unpriced_usages` are those whose price is unknown, which
    `cost_usd` cannot include. An estimate that was corrected counts with what it grew by, since a
    counter never goes down.
    """

    __slots__ = (
        "_costs_lock",
        "call_seconds",
        "calls_ended",
        "calls_refused",
        "client_frames_refused",
        "cost_usd",
        "first_sound",
        "frames_from_client",
        "frames_from_provider",
        "frames_to_client",
        "frames_to_provider",
        "relay_latency",
        "rotations",
        "unpriced_usages",
        "upstream_errors",
    )

    def __init__(self) -> None:
        self.frames_from_client = 0
        self.frames_from_provider = 0
        self.frames_to_client = 0
        self.frames_to_provider = 0
        self.relay_latency = Histogram(RELAY_LATENCY_BOUNDS_S)
        self.first_sound = Histogram(FIRST_SOUND_BOUNDS_S)
        self.client_frames_refused: Counter[str] = Counter()
        self.calls_refused: Counter[str] = Counter()
        self.calls_ended: Counter[str] = Counter()
        self.call_seconds = 0.0
        self.rotations: Counter[str] = Counter()
        self.upstream_errors: Counter[str] = Counter()
        self._costs_lock = Lock()
        self.cost_usd: dict[str, Decimal] = {}
        self.unpriced_usages: Counter[str] = Counter()

    def count_call_seconds(self, seconds: float) -> None:
        """Count so much time of calls that run."""
        self.call_seconds += seconds

    def count_costs(self, costs: Iterable[tuple[str, Decimal | None]]) -> None:
        """Count the costs of usages, each with its model; None if its price is unknown.

        May be called on any thread.
        """
        with self._costs_lock:
            for model, cost_usd in costs:
                if cost_usd is None:
                    self.unpriced_usages[model] += 1
                else:
                    self.cost_usd[model] = self.cost_usd.get(model, Decimal(0)) + cost_usd


COUNTERS = ProcessCounters()
"""The counters of this process, which `/metrics` shows."""
