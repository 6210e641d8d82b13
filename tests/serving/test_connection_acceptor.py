"""Real sockets: how many connections are accepted in a row, which are refused, which wait."""

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import pytest

from backend.serving import connection_acceptor
from backend.serving.connection_acceptor import (
    ACCEPTED_PER_TURN,
    LEFT_TO_OTHERS_S,
    ConnectionAcceptor,
)
from backend.serving.connection_limits import (
    TOO_MANY_CONNECTIONS_RESPONSE,
    ConnectionCounter,
    ConnectionLimits,
    ConnectionPacer,
)
from backend.serving.listener import listen
from backend.serving.worker_balance import WorkerBalance, note_all_absent
from backend.serving.worker_memory import make_memory
from tests.serving.equipment import wait_until

MANY = 3 * ACCEPTED_PER_TURN


class Scene:
    """A listener with its acceptor, clients that connect, and the transports that were made."""

    def __init__(self, most: int, at_once: int, per_s: float) -> None:
        self.listener = listen("127.0.0.1", 0)
        self.counter = ConnectionCounter(ConnectionLimits(most, most))
        self.pacer = ConnectionPacer(per_s=per_s, at_once=at_once)
        self.clients: list[socket.socket] = []
        self.transports: list[asyncio.Transport] = []
        self.acceptor: ConnectionAcceptor | None = None

    def connect(self) -> socket.socket:
        """Connect; the kernel does that without the acceptor."""
        client = socket.create_connection(self.listener.getsockname())
        client.setblocking(False)
        self.clients.append(client)
        return client

    def accept(
        self,
        create_protocol: Callable[[str], asyncio.Protocol] | None = None,
        balance: WorkerBalance | None = None,
    ) -> ConnectionAcceptor:
        create = create_protocol or partial(Recording, self.transports)
        self.acceptor = ConnectionAcceptor(self.listener, create, self.counter, self.pacer, balance)
        return self.acceptor


class Recording(asyncio.Protocol):
    """Adds its transport to a list."""

    def __init__(self, transports: list[asyncio.Transport], address: str) -> None:
        assert address == "127.0.0.1"
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transports.append(cast(asyncio.Transport, transport))


@asynccontextmanager
async def running_scene(
    most: int = 100, at_once: int = 100, per_s: float = 100
) -> AsyncIterator[Scene]:
    """Close at the end all that is open."""
    scene = Scene(most, at_once, per_s)
    try:
        yield scene
    finally:
        if scene.acceptor is not None:
            scene.acceptor.close()
        for one in [scene.listener, *scene.clients]:
            one.close()
        for transport in scene.transports:
            transport.abort()
        await asyncio.sleep(0)


async def test_everything_else_has_its_turn_between_a_few_connections() -> None:
    async with running_scene() as scene:
        for _ in range(MANY):
            scene.connect()
        scene.accept()
        steps = []
        while len(scene.transports) < MANY:
            before = len(scene.transports)
            await asyncio.sleep(0)
            steps.append(len(scene.transports) - before)
        assert 0 < max(steps) <= ACCEPTED_PER_TURN


async def test_one_over_the_limit_is_answered_and_closed_without_a_protocol() -> None:
    async with running_scene(most=1) as scene:
        scene.accept()
        scene.connect()
        refused = scene.connect()
        assert await asyncio.get_running_loop().sock_recv(refused, 4096) == (
            TOO_MANY_CONNECTIONS_RESPONSE
        )
        assert await asyncio.get_running_loop().sock_recv(refused, 4096) == b""
        assert len(scene.transports) == 1
        scene.counter.close("127.0.0.1")
        scene.connect()
        await wait_until(lambda: len(scene.transports) == 2, 5)


async def test_one_that_comes_too_soon_waits_and_counts_meanwhile() -> None:
    async with running_scene(most=2, at_once=1, per_s=10) as scene:
        loop = asyncio.get_running_loop()
        scene.accept()
        began_s = loop.time()
        scene.connect()
        scene.connect()
        await wait_until(lambda: len(scene.transports) == 1, 5)
        assert not scene.counter.open("127.0.0.1")
        await wait_until(lambda: len(scene.transports) == 2, 5)
        assert loop.time() - began_s >= 0.09


async def test_a_protocol_that_cannot_begin_is_counted_out() -> None:
    async with running_scene(most=1) as scene:

        def fail(_address: str) -> asyncio.Protocol:
            raise OSError

        scene.accept(fail)
        gone = scene.connect()
        assert await asyncio.get_running_loop().sock_recv(gone, 4096) == b""
        assert scene.counter.open("127.0.0.1")


async def test_after_close_nobody_can_connect() -> None:
    async with running_scene() as scene:
        address = scene.listener.getsockname()
        acceptor = scene.accept()
        acceptor.close()
        acceptor.close()
        await acceptor.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


async def test_without_descriptors_it_goes_on_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_acceptor, "PAUSE_S", 0.01)
    async with running_scene() as scene:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        accepts = []
        accept_some = ConnectionAcceptor._accept_some

        def counted(acceptor: ConnectionAcceptor) -> None:
            accepts.append(acceptor)
            accept_some(acceptor)

        monkeypatch.setattr(ConnectionAcceptor, "_accept_some", counted)
        scene.connect()
        next_descriptor = os.dup(0)
        os.close(next_descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_descriptor, hard))
        try:
            scene.accept()
            await wait_until(lambda: len(accepts) == 3, 5)
            assert len(scene.transports) == 0
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await wait_until(lambda: len(scene.transports) == 1, 5)


# One of several workers


@pytest.fixture
def memory() -> Iterator[int]:
    """That of two workers."""
    made = make_memory(2)
    note_all_absent(made, 2)
    yield made
    os.close(made)


async def test_workers_share_connections_that_come_at_once(memory: int) -> None:
    async with running_scene() as scene, running_scene() as other:
        other.listener.close()
        other.listener = scene.listener.dup()
        for each, number in ((scene, 1), (other, 2)):
            balance = WorkerBalance(memory, number, 2)
            each.counter = ConnectionCounter(ConnectionLimits(99, 99), publish=balance.publish)
            each.accept(balance=balance)
        for _ in range(MANY):
            scene.connect()
        await wait_until(lambda: len(scene.transports) + len(other.transports) == MANY, 5)
        assert abs(len(scene.transports) - len(other.transports)) <= 2


async def test_a_worker_takes_what_another_one_does_not(memory: int) -> None:
    WorkerBalance(memory, 2, 2).publish(0)
    async with running_scene() as scene:
        balance = WorkerBalance(memory, 1, 2)
        scene.counter = ConnectionCounter(ConnectionLimits(99, 99), publish=balance.publish)
        scene.accept(balance=balance)
        for _ in range(4):
            scene.connect()
        await wait_until(lambda: len(scene.transports) == 4, 5)


async def test_a_worker_that_is_closed_while_it_waits_accepts_no_more(memory: int) -> None:
    other = WorkerBalance(memory, 2, 2)
    other.publish(0)
    async with running_scene() as scene:
        acceptor = scene.accept(balance=WorkerBalance(memory, 1, 2))
        WorkerBalance(memory, 1, 2).publish(1)
        scene.connect()
        await asyncio.sleep(LEFT_TO_OTHERS_S / 2)
        acceptor.close()
        other.publish(5)
        await asyncio.sleep(2 * LEFT_TO_OTHERS_S)
        assert scene.transports == [] and not other.is_ahead()
