"""Accepts connections a few at a time, and refuses those over the limits at the socket.

An event loop by itself accepts all connections that wait, hundreds in a row, and gives each a
transport and a protocol before a limit can refuse it: 0.2 ms of processor time. Under an attack by
thousands of connections, nearly all refused, one turn of asyncio's loop took up to 290 ms; uvloop
took 0.34 of a core for them, and 0.25 with this (`make bench-attacks`).
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from functools import partial

from backend.serving.connection_limits import (
    TOO_MANY_CONNECTIONS_RESPONSE,
    ConnectionCounter,
    ConnectionPacer,
)
from backend.serving.worker_balance import WorkerBalance

ACCEPTED_PER_TURN = 16
LEFT_TO_OTHERS_S = 0.01
"""How long a worker that has more connections than another leaves one to it. Then it takes it: the
other one computes, or hangs."""
PAUSE_S = 1.0
"""How long nothing is accepted after the system had no descriptor or memory for a connection."""
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class ConnectionAcceptor:
    """Accepts from `listener`, for a server that expects an `asyncio.Server`, until it is closed.

    A connection over `counter`'s limits, or one that would wait too long in `pacer`, is answered
    `TOO_MANY_CONNECTIONS_RESPONSE` before anything is read. The others are counted, wait unread for
    their turn, and are then given to a protocol that `create_protocol` returns for their address.
    It must count that address out when the connection is lost, and not ask the system for it: there
    is none any more once the client has reset the connection.

    Where several processes accept from one socket, `balance` says whether this one has more
    connections than another: it then leaves the next one to that for `LEFT_TO_OTHERS_S`.
    """

    def __init__(
        self,
        listener: socket.socket,
        create_protocol: Callable[[str], asyncio.Protocol],
        counter: ConnectionCounter,
        pacer: ConnectionPacer,
        balance: WorkerBalance | None = None,
    ) -> None:
        self._listener = listener
        self._create_protocol = create_protocol
        self._counter = counter
        self._pacer = pacer
        self._balance = balance
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        if balance is not None:
            balance.publish(0)
        self._start()

    def close(self) -> None:
        """Refuse new connections from now on; those that were accepted are served."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            if self._balance is not None:
                self._balance.leave()

    async def wait_closed(self) -> None:
        """Return at once: the listener is closed by `close`, the connections by the server."""

    def _start(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept_some)

    def _accept_some(self) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            if self._balance is not None and self._balance.is_ahead():
                self._loop.remove_reader(self._listener)
                self._loop.call_later(LEFT_TO_OTHERS_S, self._accept_what_was_left)
                return
            if not self._accept_one():
                return

    def _accept_what_was_left(self) -> None:
        if self._listener.fileno() >= 0:
            self._start()
            self._accept_one()

    def _accept_one(self) -> bool:
        """Accept a connection; returns False if there was none."""
        try:
            connection, (address, *_) = self._listener.accept()
        except OSError as error:
            # Otherwise none is left, or that one has an error of its own (accept(2)).
            if error.errno in _EXHAUSTED:
                self._loop.remove_reader(self._listener)
                self._loop.call_later(PAUSE_S, self._start)
            return False
        connection.setblocking(False)
        self._admit_or_refuse(connection, address)
        return True

    def _admit_or_refuse(self, connection: socket.socket, address: str) -> None:
        wait_s = self._pacer.wait_s(address, self._loop.time())
        if wait_s is None or not self._counter.open(address):
            with connection, contextlib.suppress(OSError):
                connection.send(TOO_MANY_CONNECTIONS_RESPONSE)
        elif wait_s:
            self._loop.call_later(wait_s, self._begin, connection, address)
        else:
            self._begin(connection, address)

    def _begin(self, connection: socket.socket, address: str) -> None:
        beginning = self._loop.create_task(self._connect(connection, address))
        self._beginning.add(beginning)
        beginning.add_done_callback(self._beginning.discard)

    async def _connect(self, connection: socket.socket, address: str) -> None:
        create_protocol = partial(self._create_protocol, address)
        try:
            await self._loop.connect_accepted_socket(create_protocol, connection)
        except OSError:
            # The client has gone meanwhile, and no protocol has been told of the connection.
            connection.close()
            self._counter.close(address)
