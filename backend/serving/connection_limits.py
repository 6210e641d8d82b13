"""How many connections one process holds, in all and for one address. Pure counting.

A call takes two descriptors, the client's and the provider's. Connections without end would
otherwise take the last one, and the database could not be opened any more.
"""

import resource
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from backend.client_addresses import limit_key

RESERVED_DESCRIPTORS = 64
"""For the database, Redis, log files and the event loop."""
MAX_CONNECTIONS = 10_000
MAX_PER_ADDRESS = 1000
"""As in nginx (`limit_conn sockets`), behind which it does not apply: see `ConnectionCounter`."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The most connections of a process, and of one address to it."""

    total: int
    per_address: int


def limits_for(descriptors: int) -> ConnectionLimits:
    """The limits of a process that may open this many descriptors (`ulimit -n`)."""
    total = max(1, min(MAX_CONNECTIONS, (descriptors - RESERVED_DESCRIPTORS) // 2))
    return ConnectionLimits(total, min(MAX_PER_ADDRESS, max(1, total // 2)))


def limits_of_this_process() -> ConnectionLimits:
    """Allow this process as many descriptors as the system does, and return its limits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS + RESERVED_DESCRIPTORS
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return limits_for(wanted if soft == resource.RLIM_INFINITY else soft)


class ConnectionCounter:
    """Counts the open connections, those of an IPv6 client by its /64.

    For an address for which `is_proxy` is true only the total is limited: all clients behind a
    proxy have its address, and the proxy has limits of its own.
    """

    def __init__(
        self, limits: ConnectionLimits, is_proxy: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._limits = limits
        self._is_proxy = is_proxy
        self._by_key: Counter[str] = Counter()
        self._total = 0

    def open(self, address: str) -> bool:
        """Count a connection; return False, and count nothing, if a limit is reached."""
        if self._total >= self._limits.total:
            return False
        key = limit_key(address)
        if self._by_key[key] >= self._limits.per_address and not self._is_proxy(address):
            return False
        self._total += 1
        self._by_key[key] += 1
        return True

    def close(self, address: str) -> None:
        """Stop counting a connection that was opened."""
        key = limit_key(address)
        self._total -= 1
        self._by_key[key] -= 1
        if self._by_key[key] <= 0:
            del self._by_key[key]
