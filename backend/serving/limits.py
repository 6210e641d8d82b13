"""The servers' limits: message size, a thread's turn, how long each shutdown step may take."""

from dataclasses import dataclass

MAX_MESSAGE_BYTES = 1024 * 1024
"""The largest WebSocket message the server reads; a larger one closes the connection with 1009.
Above the relay's own limit of 512 KiB, so that a client over that one gets `relay.error`. A client
can hold as much memory with a message that it never finishes."""

PING_S = 15
"""Seconds between pings, and the wait for an answer: a client whose network has gone without a word
is found after 30 s at most."""

SWITCH_INTERVAL_S = 0.0005
"""How long a thread that computes keeps the interpreter while others wait for it.

Each HTTP request runs in a thread of its own. With Python's default of 5 ms, the event loop, and so
every voice, waits for several of them in a row. Measured with `make bench-chat` on a busy machine
with twenty messages at once: the median delay of a voice was 97 and 105 ms, and is 47 and 43 ms; of
138 messages 15 were refused because the database seemed slow, and of 133 none is. The processor
time is the same."""


@dataclass(frozen=True, slots=True)
class ServerTimeouts:
    """Timeouts in seconds. The whole shutdown takes less than 36 s: a container's stop grace must
    not be shorter.

    `write_timeout_s`: how long a client may leave its socket unread before the connection is
    aborted. `head_s`: how long the head of a request may take, and `body_s` its body, with no pause
    over `body_pause_s`; a dictated clip of 25 MB takes 200 s at 1 Mbit/s.

    `drain_s`: how long running replies may go on after SIGTERM, and `interrupt_drain_s` after
    SIGINT. `drain_overrun_s`: how much longer than that the drain itself may take. `close_s`: how
    long the remaining sockets have to close. `flush_s`: how long the runtime may go on writing
    turns, or put them into the spool; it then logs what was lost, which `flush_overrun_s` leaves
    time for. `threads_s`: how long the process waits for threads after all that.
    """

    write_timeout_s: float = 11.0
    head_s: float = 10.0
    body_s: float = 300.0
    body_pause_s: float = 15.0
    drain_s: float = 30.0
    interrupt_drain_s: float = 1.0
    drain_overrun_s: float = 1.0
    close_s: float = 1.0
    flush_s: float = 2.5
    flush_overrun_s: float = 0.5
    threads_s: float = 0.3
