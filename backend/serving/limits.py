"""The servers' limits: message size, and how long each step of the shutdown may take."""

from dataclasses import dataclass

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest WebSocket message the server reads; a larger one closes the connection with 1009.
Far above the relay's own limit of 512 KiB, so that a client over that one gets `relay.error`."""


@dataclass(frozen=True, slots=True)
class ServerTimeouts:
    """Timeouts in seconds. The whole shutdown takes less than 36 s: a container's stop grace must
    not be shorter.

    `write_timeout_s`: how long a client may leave its socket unread before the connection is
    aborted. `drain_s`: how long running replies may go on after SIGTERM, and
    `interrupt_drain_s` after SIGINT. `drain_overrun_s`: how much longer than that the drain itself
    may take. `close_s`: how long the remaining sockets have to close. `flush_s`: how long the
    runtime may go on writing turns; it then logs what was lost, which `flush_overrun_s` leaves time
    for. `threads_s`: how long the process waits for threads after all that.
    """

    write_timeout_s: float = 12.0
    drain_s: float = 30.0
    interrupt_drain_s: float = 1.0
    drain_overrun_s: float = 1.0
    close_s: float = 1.0
    flush_s: float = 2.0
    flush_overrun_s: float = 0.5
    threads_s: float = 0.3
