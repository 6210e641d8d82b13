"""How many connections one process holds and begins, in all and for one address. Pure.

A call takes two descriptors, the client's and the provider's. Connections without end would
otherwise take the last one, and the database could not be opened any more. `connection_acceptor`
applies the limits, and answers a connection over them with `TOO_MANY_CONNECTIONS_RESPONSE`.
"""

import resource
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from backend.client_addresses import limit_key
from backend.serving.error_response import error_response

RESERVED_DESCRIPTORS = 64
"""For the database, Redis, log files and the event loop."""
MAX_CONNECTIONS = 10_000
MAX_PER_ADDRESS = 1000
"""As in nginx (`limit_conn sockets`), behind which it does not apply: see `ConnectionCounter`."""

NEW_PER_ADDRESS_PER_S = 100
NEW_PER_ADDRESS_AT_ONCE = 50
"""A handshake that is refused takes 3.4 ms of the processor: eight clients of one address that
reconnected all the time, 290 times a second, took all of a core and delayed audio by 71 ms."""
MAX_START_WAIT_S = 5.0
"""A new connection that would have to wait longer is refused."""

TOO_MANY_CONNECTIONS_RESPONSE = error_response(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")
"""The whole HTTP response to a refused connection; the connection is closed after it."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The most connections of a process, and of one address to it."""

    total: int
    per_address: int

    def divided_by(self, workers: int) -> "ConnectionLimits":
        """The limits of each of several processes: of an address, together as many as one alone.

        Not of the total, because each has descriptors of its own.
        """
        return ConnectionLimits(self.total, max(1, self.per_address // workers))


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
    proxy have its address, and the proxy has limits of its own. `publish` is called with the total
    whenever it has changed.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        is_proxy: Callable[[str], bool] = lambda _: False,
        publish: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._limits = limits
        self._is_proxy = is_proxy
        self._publish = publish
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
        self._publish(self._total)
        return True

    def close(self, address: str) -> None:
        """Stop counting a connection that was opened."""
        key = limit_key(address)
        self._total -= 1
        self._by_key[key] -= 1
        if self._by_key[key] <= 0:
            del self._by_key[key]
        self._publish(self._total)


class ConnectionPacer:
    """Says how long each new connection of an address must wait before it is read.

    `at_once` connections begin at once, then `per_s` a second; the others wait for their turn
    instead of being refused, because many people may share an address. For an address for which
    `is_proxy` is true nothing waits. Times are seconds on a clock that never goes back.
    """

    def __init__(
        self,
        is_proxy: Callable[[str], bool] = lambda _: False,
        per_s: float = NEW_PER_ADDRESS_PER_S,
        at_once: float = NEW_PER_ADDRESS_AT_ONCE,
    ) -> None:
        self._is_proxy = is_proxy
        self._interval_s = 1 / per_s
        self._lead_s = at_once / per_s
        self._next_s: dict[str, float] = {}
        """When the next connection of an address is due if all come evenly."""
        self._cleaned_at_s = 0.0

    @property
    def address_count(self) -> int:
        """The number of addresses of which something is remembered."""
        return len(self._next_s)

    def wait_s(self, address: str, now_s: float) -> float | None:
        """Return how long a new connection waits; None if that is over `MAX_START_WAIT_S`."""
        if self._is_proxy(address):
            return 0.0
        key = limit_key(address)
        due_s = max(self._next_s.get(key, now_s), now_s)
        wait_s = max(0.0, due_s + self._interval_s - self._lead_s - now_s)
        if wait_s > MAX_START_WAIT_S:
            return None
        self._next_s[key] = due_s + self._interval_s
        self._forget_quiet_addresses(now_s)
        return wait_s

    def _forget_quiet_addresses(self, now_s: float) -> None:
        if now_s - self._cleaned_at_s > MAX_START_WAIT_S:
            self._cleaned_at_s = now_s
            self._next_s = {one: due_s for one, due_s in self._next_s.items() if due_s > now_s}
