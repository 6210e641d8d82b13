"""Long calls: whether an event costs more after a thousand exchanges than after ten."""

import time
from collections.abc import Sequence
from dataclasses import replace

from bench.compare.figures import Figures, Kind
from bench.compare.relays import Relay
from bench.compare.sampling import Ends, sample
from bench.compare.traffic import Traffic

CALLS = 2
MEASURED = Traffic(
    appends_per_s=25, probes_per_s=0, deltas_per_s=100, deltas=20, waits_for_reader=True
)
"""Five short exchanges a second."""
FAST = replace(MEASURED, deltas_per_s=500)
"""Between the measurements."""
EXCHANGES = (10, 300, 1000)
WINDOW_S = 10.0
"""Two heartbeats of Kaiwa."""
SETTLED_S = 1.5
"""After the fast part, for what is still on its way."""


def run_growth(
    relays: Sequence[Relay], ends: Ends, figures: Figures, exchanges: Sequence[int] = EXCHANGES
) -> None:
    """Measure the same calls after each number of exchanges. Relays that keep nothing are left
    out."""
    ratio = Kind(f"CPU per event, {exchanges[-1]} exchanges ÷ {exchanges[0]}", "×", has_ratio=False)
    for relay in relays:
        if not relay.is_kaiwa:
            continue
        costs = []
        with ends.calls(relay, CALLS):
            ends.load.call("start", MEASURED)
            for number in exchanges:
                ends.far_end.call("start", FAST)
                while ends.far_end.call("exchanges") < number:
                    time.sleep(0.02)
                ends.far_end.call("start", MEASURED)
                time.sleep(SETTLED_S)
                before = sample(relay, ends)
                time.sleep(WINDOW_S)
                after = sample(relay, ends)
                cost = (after.cpu_s - before.cpu_s) / (after.passed - before.passed) * 1e6
                costs.append(cost)
                kind = Kind(f"CPU per 1,000 events after {number} exchanges", "ms", has_ratio=False)
                figures.add(relay.name, kind, cost)
                ends.note(f"growth, {relay.name}: {cost:.1f} ms after {number} exchanges")
        figures.add(relay.name, ratio, costs[-1] / costs[0])
