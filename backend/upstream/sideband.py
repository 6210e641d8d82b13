"""The sideband of a WebRTC call: a connection that sees all of the call's events, and rejoins.

It is `relay.ports.UpstreamConnection`, so that a call which is watched is run like any other. What
differs: a lost connection is opened again by itself, since the call goes on without it; and closing
it hangs the call up at the provider, so that no call goes on unwatched.

What the provider sent while the connection was lost is lost.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from backend.protocol.errors import (
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)

NOT_FOUND = 404
"""The provider's answer where it knows no such call: it has not begun, or it is over."""


@dataclass(frozen=True, slots=True)
class SidebandLimits:
    """`join_within_s`: how long the first connection may take after the provider has accepted the
    call, and `rejoin_within_s` another one after a loss. `pauses_s` are those between the attempts,
    each of them halved to half as long again by chance; the last one repeats.
    """

    join_within_s: float = 5.0
    rejoin_within_s: float = 5.0
    pauses_s: tuple[float, ...] = (0.1, 0.3, 0.6, 1.0)


DEFAULT_SIDEBAND_LIMITS = SidebandLimits()


class Connection(Protocol):
    """One connection of the sideband: `upstream.connector.ProviderSocket`."""

    created_text: str

    async def receive(self) -> str: ...

    async def send(self, text: str) -> None: ...

    async def close(self) -> None: ...


Join = Callable[[], Coroutine[Any, Any, Connection]]
"""Opens one connection. Raises an UpstreamError."""


class Sideband:
    """The sideband of one call. Its frames go through `receive` alone: it may change connections.

    `hang_up` ends the call at the provider and never raises. `on_over` is called once if the
    provider no longer knows the call: the browser has left it, or it was hung up.
    """

    direct = None

    def __init__(
        self,
        connection: Connection,
        join: Join,
        *,
        hang_up: Callable[[], Awaitable[None]],
        on_over: Callable[[], None],
        on_rejoined: Callable[[], None] = lambda: None,
        limits: SidebandLimits = DEFAULT_SIDEBAND_LIMITS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.created_text = connection.created_text
        self._connection = connection
        self._join = join
        self._hang_up = hang_up
        self._on_over = on_over
        self._on_rejoined = on_rejoined
        self._limits = limits
        self._chance = chance
        self._is_replaced = asyncio.Event()
        """Set when the present connection was replaced, or will not be."""
        self._is_over = False

    async def receive(self) -> str:
        """The next frame's text; after a loss the `session.created` of the next connection.

        When the call is over, it calls `on_over` and waits; called again, it raises. Raises an
        UpstreamError also if the provider ended the call, or the connection does not come back.
        """
        while not self._is_over:
            connection = self._connection
            try:
                return await connection.receive()
            except UpstreamError as lost:
                if await self._rejoin(connection, lost):
                    self._on_rejoined()
                    return self._connection.created_text
                if self._is_over:
                    self._on_over()
                    await asyncio.Event().wait()
        raise UpstreamUnavailable("connection_ended")

    async def send(self, text: str) -> None:
        """Send one text frame, after a loss on the next connection. Raises an UpstreamError."""
        while not self._is_over:
            connection = self._connection
            try:
                await connection.send(text)
            except UpstreamError as lost:
                # `receive` has lost it as well, and opens another.
                is_replaced = self._is_replaced
                if connection is self._connection and not await _is_set_within(
                    is_replaced, self._limits.rejoin_within_s
                ):
                    raise lost from None
            else:
                return

    async def close(self) -> None:
        """Hang the call up and close the connection. Never raises."""
        hanging_up = asyncio.ensure_future(self._hang_up())
        await self._connection.close()
        await hanging_up

    async def _rejoin(self, lost: Connection, error: UpstreamError) -> bool:
        """Replace a lost connection. Returns False if the call is over.

        Raises the error of the loss if the provider has ended the call by itself, else the last
        error if none of the attempts succeeds.
        """
        await lost.close()
        if isinstance(error, UpstreamRefused) or error.code == "session_expired":
            raise error
        try:
            self._connection = await join_within(
                self._join, self._limits.rejoin_within_s, self._limits, self._chance, is_known=True
            )
        except UpstreamError as failed:
            if failed.status != NOT_FOUND:
                raise
            self._is_over = True
        self._is_replaced.set()
        self._is_replaced = asyncio.Event()
        return not self._is_over


async def join_within(
    join: Join,
    seconds: float,
    limits: SidebandLimits = DEFAULT_SIDEBAND_LIMITS,
    chance: Callable[[], float] = random.random,
    *,
    is_known: bool = False,
) -> Connection:
    """Join a call within this time, trying again. Raises the last UpstreamError.

    `is_known`: the call was joined before, so that "not found" means that it is over. At first the
    provider may not know its own call yet.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + seconds
    number = 0
    while True:
        try:
            async with asyncio.timeout_at(deadline_s):
                return await join()
        except TimeoutError:
            raise UpstreamTimeout("timed_out") from None
        except UpstreamError as error:
            is_unknown = error.status == NOT_FOUND
            is_final = is_known if is_unknown else isinstance(error, UpstreamRefused)
            pause_s = limits.pauses_s[min(number, len(limits.pauses_s) - 1)] * (0.5 + chance())
            if is_final or loop.time() + pause_s >= deadline_s:
                raise
        number += 1
        await asyncio.sleep(pause_s)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
