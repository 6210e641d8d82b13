"""Calls that open and close: what a connect costs, with and without a ticket and a past."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare.figures import Figures, Kind, percentile
from bench.compare.load import Connects
from bench.compare.processes import tree_cpu_seconds
from bench.compare.relays import DIRECT, Relay
from bench.compare.sampling import Ends

SESSIONS = 256
"""Used in turn by `load.CONNECTING_AT_ONCE` clients: a call has ended long before the next one in
its session begins."""
PAST_TURNS = 200
WARM_UP_S = 1.0
"""Before the first round, not counted: a server's first calls load what later ones have."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the clients of a line of the table connect to Kaiwa."""

    title: str
    has_ticket: bool
    turns: int


WAYS = (
    Way("token", has_ticket=False, turns=0),
    Way("ticket", has_ticket=True, turns=0),
    Way(f"token, {PAST_TURNS} turns", has_ticket=False, turns=PAST_TURNS),
    Way(f"ticket, {PAST_TURNS} turns", has_ticket=True, turns=PAST_TURNS),
)


def run_connects(
    relays: Sequence[Relay], ends: Ends, figures: Figures, rounds: int, seconds: float
) -> None:
    """Open and close calls for this time, in every way, `rounds` times with every relay in turn.

    A call is open once the session is configured and the past replayed. The cost includes the
    ticket's request, the closing and the rows. Other relays have neither tickets nor turns: each
    line has what their plain connect costs.
    """
    measured = [relay for relay in relays if relay.name != DIRECT]
    targets = {
        (relay.name, way): relay.targets(SESSIONS, turns=way.turns, has_ticket=way.has_ticket)
        for relay in measured
        for way in WAYS
        if relay.is_kaiwa or way == WAYS[0]
    }
    for some_targets in targets.values():
        ends.load.call("open_and_close", some_targets, WARM_UP_S)
    for number in range(rounds):
        for way in WAYS:
            for relay in measured:
                if (relay.name, way) not in targets:
                    continue
                cpu_s = tree_cpu_seconds(relay.pid)
                found: Connects = ends.load.call(
                    "open_and_close", targets[relay.name, way], seconds
                )
                ends.wait_until_idle()
                cpu_ms = (tree_cpu_seconds(relay.pid) - cpu_s) * 1000 / len(found.open_ns)
                ends.note(
                    f"connect, round {number + 1}, {way.title}, {relay.name}:"
                    f" {cpu_ms:.2f} ms, {found.per_s:.0f} a second"
                )
                for each in [way] if relay.is_kaiwa else WAYS:
                    _add(figures, relay.name, each, cpu_ms, found)


def _add(figures: Figures, name: str, way: Way, cpu_ms: float, found: Connects) -> None:
    figures.add(name, Kind(f"CPU per connect, {way.title}", "ms"), cpu_ms)
    figures.add(name, Kind(f"connects/s, {way.title}", "1/s"), found.per_s)
    for percent in (50, 99):
        kind = Kind(f"time to connect p{percent}, {way.title}", "ms")
        figures.add(name, kind, percentile(found.open_ns, percent) / 1e6)
