"""One WebRTC call as the relay's Call sees it: a client without frames, and a sideband.

`WatchedCall` is the `ClientConnection`: it takes the relay's own events, for the page to read, and
leaves when the browser does. Its `connect` makes the call at the provider and joins the sideband.
The call is hung up in whatever way it ends.
"""

import asyncio
import contextlib
import functools
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from backend.protocol.errors import UpstreamError
from backend.relay.ports import ClientGone, UpstreamConnection
from backend.telemetry.logs import log_event
from backend.upstream.sideband import (
    DEFAULT_SIDEBAND_LIMITS,
    Connection,
    Sideband,
    SidebandLimits,
    join_within,
)
from backend.upstream.webrtc_calls import MadeCall

READY_WAIT_S = 2.0
"""How long the browser's answer waits until the model has the history: it cannot speak before."""

_OWN_EVENT = '{"type":"relay.'
"""How the relay's own events begin, of which the client gets the text."""

HangUp = Callable[[], Awaitable[None]]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser gets: the provider's SDP answer, and our id of the call."""

    sdp: str
    call_id: str


class CallsApi(Protocol):
    """The provider's API of WebRTC calls, for one user and one call."""

    async def make(self) -> MadeCall:
        """Post the browser's offer, and note the provider's id of the call in the database.

        Raises an UpstreamError. A call that cannot be noted is hung up.
        """
        ...

    async def join(self, provider_call_id: str) -> Connection:
        """Open a sideband connection. Raises an UpstreamError."""
        ...

    async def hang_up(self, provider_call_id: str) -> None:
        """End the call and forget it. Never raises."""
        ...


class WatchedCall:
    """One WebRTC call, from the browser's offer to its hang-up."""

    direct = None

    def __init__(self, limits: SidebandLimits = DEFAULT_SIDEBAND_LIMITS) -> None:
        self.call_id = ""
        self.is_draining = False
        self.budgets: dict[str, dict[str, Any]] = {}
        """The latest `relay.budget` of each kind."""
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        """Set once the browser may begin; its error is why it may not."""
        self._limits = limits
        self._left = asyncio.Event()
        self._ready = asyncio.Event()
        self._answering: asyncio.Task[None] | None = None
        self._hanging_up: asyncio.Future[None] | None = None

    # The client

    async def receive(self) -> str | bytes:
        """Wait until the browser has left."""
        await self._left.wait()
        raise ClientGone

    async def has_left(self) -> bool:
        """Whether the browser has left."""
        return self._left.is_set()

    async def send(self, text: str) -> None:
        """Note what the relay says. The provider's events reach the browser by WebRTC."""
        if not text.startswith(_OWN_EVENT):
            return
        event = json.loads(text)
        match event.pop("type"):
            case "relay.ready":
                self._ready.set()
            case "relay.draining":
                self.is_draining = True
            case "relay.budget":
                del event["event_id"]
                self.budgets[event["kind"]] = event

    async def close(self, code: int, reason: str) -> None:
        """Nothing is left to close: the hang-up ends the browser's connection."""

    def leave(self) -> None:
        """The browser has left."""
        self._left.set()

    def fail(self, error: BaseException) -> None:
        """The call does not begin; the browser's request is refused with this error."""
        if not self.answer.done():
            self.answer.set_exception(error)
            # Nobody may be waiting any more; asyncio would log that the exception was not read.
            self.answer.exception()

    # The provider

    async def connect(self, api: CallsApi) -> UpstreamConnection:
        """Make the call, join its sideband and answer the browser. Raises an UpstreamError."""
        try:
            made = await self._make(api)
            hang_up = functools.partial(self._hang_up_once, api, made.provider_call_id)
            join = functools.partial(api.join, made.provider_call_id)
            connection = await self._join(join, hang_up)
        except Exception as error:
            self.fail(error)
            raise
        log_event(_logger, logging.INFO, "webrtc.joined", call_id=self.call_id)
        self._answering = asyncio.create_task(self._answer_when_ready(made.sdp))
        return Sideband(
            connection,
            join,
            hang_up=hang_up,
            on_over=self.leave,
            on_rejoined=self._log_rejoined,
            limits=self._limits,
        )

    async def _make(self, api: CallsApi) -> MadeCall:
        """Make the call. If the wait is cancelled, it is hung up as soon as it is made."""
        making = asyncio.ensure_future(api.make())
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            with contextlib.suppress(UpstreamError):
                await self._hang_up_once(api, (await making).provider_call_id)
            raise

    async def _join(
        self, join: Callable[[], Coroutine[Any, Any, Connection]], hang_up: HangUp
    ) -> Connection:
        try:
            return await join_within(join, self._limits.join_within_s, self._limits)
        except BaseException:
            await hang_up()
            raise

    async def _hang_up_once(self, api: CallsApi, provider_call_id: str) -> None:
        if self._hanging_up is None:
            self._hanging_up = asyncio.ensure_future(api.hang_up(provider_call_id))
        await asyncio.shield(self._hanging_up)

    async def _answer_when_ready(self, sdp: str) -> None:
        """Answer once the model has the history, or after `READY_WAIT_S`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_WAIT_S):
                await self._ready.wait()
        if not self.answer.done():
            self.answer.set_result(Answer(sdp, self.call_id))

    def _log_rejoined(self) -> None:
        log_event(_logger, logging.WARNING, "webrtc.rejoined", call_id=self.call_id)
