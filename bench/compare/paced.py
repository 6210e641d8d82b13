"""Calls at the pace of people and models: what an event costs, and how much later it arrives."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare.figures import Figures, Kind, percentile
from bench.compare.load import Delays
from bench.compare.processes import tree_memory_bytes
from bench.compare.relays import DIRECT, Relay
from bench.compare.sampling import Ends, sample
from bench.compare.traffic import Traffic

WARM_UP_S = 0.5
"""After the start, and one exchange, by which every call has begun."""
SATURATED_BELOW = 0.98
"""The share of the events sent that arrive."""


@dataclass(frozen=True, slots=True)
class Paced:
    """One round of one relay at one number of calls."""

    offered_per_s: float
    """Events that the clients and the far end sent."""
    passed_per_s: float
    """Events that arrived at the other side."""
    cpu_ms_per_1000: float
    core_share: float
    others_share: float
    """What other processes of the machine took of the relay's core."""
    memory_bytes: int
    delays: Delays

    @property
    def is_saturated(self) -> bool:
        """Whether fewer events arrived than were sent."""
        return self.passed_per_s < SATURATED_BELOW * self.offered_per_s


def measure_paced(relay: Relay, ends: Ends, calls: int, seconds: float) -> Paced:
    """Hold this many calls for this time, and measure. Raises RuntimeError if one was lost."""
    traffic = Traffic()
    with ends.calls(relay, calls):
        ends.far_end.call("start", traffic)
        ends.load.call("start", traffic)
        time.sleep(WARM_UP_S + traffic.exchange_s)
        ends.load.call("take_delays")
        before = sample(relay, ends)
        time.sleep(seconds)
        after = sample(relay, ends)
        delays: Delays = ends.load.call("take_delays")
        memory = tree_memory_bytes(relay.pid) if relay.pid else 0
        if lost := calls - ends.load.call("open_calls"):
            raise RuntimeError(f"{relay.name} lost {lost} of {calls} calls")
    passed = after.passed - before.passed
    cpu_s, wall_s = after.cpu_s - before.cpu_s, after.at_s - before.at_s
    return Paced(
        offered_per_s=(after.offered - before.offered) / wall_s,
        passed_per_s=passed / wall_s,
        cpu_ms_per_1000=cpu_s / passed * 1e6 if passed else float("nan"),
        core_share=cpu_s / wall_s,
        others_share=max(0.0, (after.core_busy_s - before.core_busy_s - cpu_s) / wall_s),
        memory_bytes=memory,
        delays=delays,
    )


def run_paced(
    relays: Sequence[Relay],
    ends: Ends,
    figures: Figures,
    counts: Sequence[int],
    rounds: int,
    seconds: float,
) -> None:
    """Measure every relay at each number of calls, `rounds` times in turn.

    Delays are added delays: those of the direct connection in the same round are taken off.
    """
    empty_bytes = {each.name: tree_memory_bytes(each.pid) for each in relays if each.pid}
    for number in range(rounds):
        for calls in counts:
            direct: Paced | None = None
            for relay in relays:
                found = measure_paced(relay, ends, calls, seconds)
                ends.note(f"paced, round {number + 1}, {_line(relay.name, calls, found)}")
                if relay.name == DIRECT:
                    direct = found
                    continue
                assert direct is not None, "the direct connection is measured first"
                _add(figures, relay.name, calls, found, direct)
                # Later rounds begin with what the allocator kept of this one.
                if number == 0 and calls == max(counts):
                    grown = found.memory_bytes - empty_bytes[relay.name]
                    kind = Kind(f"memory per active call, {calls} calls", "KiB")
                    figures.add(relay.name, kind, grown / calls / 1024)


def _add(figures: Figures, name: str, calls: int, found: Paced, direct: Paced) -> None:
    suffix = f", {calls} calls"
    is_marked = found.is_saturated
    cpu = Kind(f"CPU per 1,000 events{suffix}", "ms")
    figures.add(name, cpu, found.cpu_ms_per_1000, is_marked=is_marked)
    share = Kind(f"share of a core{suffix}", "%", has_ratio=False)
    figures.add(name, share, found.core_share * 100)
    others = Kind(f"taken of that core by others{suffix}", "%", has_ratio=False)
    figures.add(name, others, found.others_share * 100)
    passed = Kind(f"events passed of those sent{suffix}", "%", has_ratio=False)
    figures.add(name, passed, found.passed_per_s / found.offered_per_s * 100)
    for title, delays, base in (
        ("round trip", found.delays.probe, direct.delays.probe),
        ("first sound", found.delays.first_sound, direct.delays.first_sound),
    ):
        for percent in (50, 99):
            added_ns = percentile(delays, percent) - percentile(base, percent)
            kind = Kind(f"added {title} p{percent}{suffix}", "ms")
            figures.add(name, kind, added_ns / 1e6, is_marked=is_marked)


def _line(name: str, calls: int, found: Paced) -> str:
    trip, first = (
        f"{percentile(delays, 50) / 1e6:.2f}/{percentile(delays, 99) / 1e6:.2f} ms of {len(delays)}"
        for delays in (found.delays.probe, found.delays.first_sound)
    )
    return (
        f"{calls} calls, {name}: {found.cpu_ms_per_1000:.1f} ms per 1,000 events,"
        f" {found.core_share:.0%} of a core, {found.passed_per_s:,.0f} of"
        f" {found.offered_per_s:,.0f} events/s, round trip {trip}, first sound {first}"
    )
