"""Both ends of a relay under measurement: opens calls through it and reads all counters."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.compare.control import Remote
from bench.compare.processes import core_busy_seconds, relay_cores, tree_cpu_seconds
from bench.compare.relays import Relay

IDLE_WITHIN_S = 30.0
REST_S = 0.5
"""After the last connection: rows of calls that have ended are still written."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The far end and the load, each in its process. `note` tells how far the run is.

    `cores` are those of the relay.
    """

    far_end: Remote
    load: Remote
    note: Callable[[str], None]
    cores: Collection[int] = field(default_factory=relay_cores)

    @contextmanager
    def calls(
        self, relay: Relay, count: int, *, turns: int = 0, has_ticket: bool = True
    ) -> Iterator[None]:
        """Open this many calls, and close them at the end."""
        try:
            targets = relay.targets(count, turns=turns, has_ticket=has_ticket)
            self.load.call("connect", targets)
            yield
        finally:
            self.far_end.call("stop")
            self.load.call("close")
            self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait until the relay has left the far end and has written what it keeps."""
        deadline = time.monotonic() + IDLE_WITHIN_S
        while self.far_end.call("connections") and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(REST_S)


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters at one moment. Events are counted where they are sent and where they arrive."""

    at_s: float
    cpu_s: float
    core_busy_s: float
    """How long the relay's cores have worked, for whatever process."""
    offered: int
    passed: int


def sample(relay: Relay, ends: Ends) -> Sample:
    """Read the counters of both ends and the processor time of the relay."""
    far, near = ends.far_end.call("counts"), ends.load.call("counts")
    return Sample(
        at_s=time.monotonic(),
        cpu_s=tree_cpu_seconds(relay.pid) if relay.pid else 0.0,
        core_busy_s=core_busy_seconds(ends.cores),
        offered=far.sent + near.sent,
        passed=far.received + near.received,
    )
