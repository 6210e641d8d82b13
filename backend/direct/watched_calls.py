"""Runs the WebRTC calls of this process: opens, watches and hangs them up, whatever ends them.

Each call that the provider has accepted is noted (`ProviderCall`) until it is known to be hung up.
So the calls of a process that was killed are hung up by the next heartbeat of any process, once
their rows have ended.
"""

import asyncio
import dataclasses
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import httpx2

from backend.configured_providers import ConfiguredProvider, RestClients, provider_named
from backend.conversations.database_executor import DatabaseSlow
from backend.conversations.lifecycle import OpenedCall
from backend.database import DATABASE_UNAVAILABLE
from backend.direct import provider_calls
from backend.direct.models import ProviderCall
from backend.direct.watched_call import Answer, WatchedCall
from backend.protocol.budget_state import BudgetLevel
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused, BudgetSpent, UpstreamError
from backend.runtime import (
    Runtime,
    runtime,
    session_settings_for,
    target_for,
)
from backend.telemetry.logs import log_event
from backend.upstream import webrtc_calls
from backend.upstream.connector import ConnectionLimits
from backend.upstream.connector import connect as connect_to_provider
from backend.upstream.providers.interface import Provider
from backend.upstream.sideband import DEFAULT_SIDEBAND_LIMITS, Connection, SidebandLimits
from backend.upstream.target import Target
from backend.upstream.webrtc_calls import MadeCall

JoinProvider = Callable[[Provider, Target], Coroutine[Any, Any, Connection]]

SIDEBAND_LIMITS = ConnectionLimits(ping_interval_s=5.0, ping_timeout_s=5.0)
"""A call whose sideband stalls is not watched, so that is found out in 10 s and not in 40 s. No
client is slow here: what comes is read at once."""

HANG_UPS_AT_ONCE = 8
"""How many calls of dead processes one process hangs up at a time. Each may take 3 s to fail."""

_logger = logging.getLogger(__name__)


async def join_sideband(provider: Provider, target: Target) -> Connection:
    """Open a sideband connection. Raises an UpstreamError."""
    return await connect_to_provider(provider, target, limits=SIDEBAND_LIMITS)


class WatchedCalls:
    """The WebRTC calls of this process. Bound to one event loop, like its runtime.

    `transport` replaces the network of the REST client in tests, `join` the sideband's.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        join: JoinProvider = join_sideband,
        limits: SidebandLimits = DEFAULT_SIDEBAND_LIMITS,
    ) -> None:
        self._runtime = runtime
        self._join = join
        self._limits = limits
        self._calls: dict[str, WatchedCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.rest_clients = RestClients(transport)

    async def open(self, session_id: UUID, user_id: int, sdp: str) -> Answer:
        """Make and watch a call of the user's session. Returns once the browser may begin.

        Raises AdmissionRefused (also with the ending of a call that ended at once), DatabaseSlow,
        and UpstreamError. Cancelled, it ends the call.
        """
        call = WatchedCall(self._limits)
        task = asyncio.create_task(self._run(call, session_id, user_id, sdp), name="watched-call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(call.answer)
        except asyncio.CancelledError:
            call.leave()
            raise

    def of_this_process(self, call_id: UUID) -> WatchedCall | None:
        """This call, if it runs in this process."""
        return self._calls.get(str(call_id))

    async def hang_up_orphans(self) -> None:
        """Hang up the calls that a process has left behind which died. Raises DatabaseSlow."""
        database = self._runtime.database
        orphans = await database.run(provider_calls.orphans, tuple(self._calls))
        at_once = asyncio.Semaphore(HANG_UPS_AT_ONCE)

        async def hang_up(orphan: ProviderCall) -> None:
            async with at_once:
                log_event(_logger, logging.WARNING, "webrtc.orphaned", call_id=orphan.call_id)
                provider = provider_named(orphan.provider)
                await self.hang_up(orphan.call_id, provider, orphan.provider_call_id)

        await asyncio.gather(*map(hang_up, orphans))

    async def close(self) -> None:
        """Wait until the calls have ended, and close the client."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.rest_clients.close()

    async def _run(self, call: WatchedCall, session_id: UUID, user_id: int, sdp: str) -> None:
        def connect(opened: OpenedCall) -> Callable[[], Coroutine[Any, Any, Any]]:
            call.call_id = str(opened.call_id)
            self._calls[call.call_id] = call
            return functools.partial(call.connect, _CallsApi(self, opened, user_id, sdp))

        try:
            ending = await self._runtime.watch_call(session_id, user_id, call, connect)
            call.fail(_refusal(ending, call))
        except Exception as error:
            if call.answer.done():
                _logger.exception("webrtc.failed")
            call.fail(error)
        finally:
            self._calls.pop(call.call_id, None)

    async def note(
        self, call_id: UUID, provider: ConfiguredProvider, provider_call_id: str
    ) -> None:
        """Note that the provider has accepted this call. Raises what the database does.

        A call that cannot be noted is hung up: nobody could do it later.
        """
        note = provider_calls.note
        try:
            await self._runtime.database.run(note, call_id, provider.name, provider_call_id)
        except BaseException:
            await self.hang_up(call_id, provider, provider_call_id)
            raise

    async def join(self, provider: Provider, target: Target) -> Connection:
        """Open a sideband connection. Raises an UpstreamError."""
        return await self._join(provider, target)

    async def hang_up(
        self, call_id: UUID, provider: ConfiguredProvider, provider_call_id: str
    ) -> None:
        """End this call at the provider, and forget it if that succeeded. Never raises."""
        try:
            client = await self.rest_clients.get(provider.name)
            await webrtc_calls.hang_up(client, provider.provider, provider_call_id)
            log_event(_logger, logging.INFO, "webrtc.hung_up", call_id=call_id)
            await self._runtime.database.run(provider_calls.forget, call_id)
        except UpstreamError as error:
            # It stays noted, and the next heartbeat tries again.
            log_event(
                _logger,
                logging.WARNING,
                "webrtc.hang_up_failed",
                call_id=call_id,
                code=error.code,
                status=error.status,
            )
        except (DatabaseSlow, *DATABASE_UNAVAILABLE) as error:
            failure = type(error).__name__
            log_event(_logger, logging.WARNING, "webrtc.not_forgotten", error=failure)
        except Exception as error:
            # Its call must be recorded all the same. It stays noted, as above.
            log_event(
                _logger,
                logging.ERROR,
                "webrtc.hang_up_failed",
                call_id=call_id,
                code=type(error).__name__,
            )


class _CallsApi:
    """The provider's API for one call: `watched_call.CallsApi`."""

    def __init__(self, calls: WatchedCalls, opened: OpenedCall, user_id: int, sdp: str) -> None:
        self._calls = calls
        self._opened = opened
        self._sdp = sdp
        self._provider = provider_named(opened.provider)
        target = target_for(user_id, self._provider)
        self._target = dataclasses.replace(target, model=opened.model)

    async def make(self) -> MadeCall:
        """Post the browser's offer and our session, and note the call."""
        opened, provider = self._opened, self._provider.provider
        session = session_settings_for(opened.language, opened.voice, opened.transcription_model)
        made = await webrtc_calls.make_call(
            await self._calls.rest_clients.get(self._provider.name),
            provider,
            sdp=self._sdp,
            session=provider.webrtc_session(session, opened.model),
            headers=provider.user_headers(self._target.safety_identifier),
        )
        await self._calls.note(opened.call_id, self._provider, made.provider_call_id)
        return made

    async def join(self, provider_call_id: str) -> Connection:
        """Open a sideband connection to the call."""
        target = dataclasses.replace(self._target, call_id=provider_call_id)
        return await self._calls.join(self._provider.provider, target)

    async def hang_up(self, provider_call_id: str) -> None:
        """End the call at the provider."""
        await self._calls.hang_up(self._opened.call_id, self._provider, provider_call_id)


def _refusal(ending: Ending, call: WatchedCall) -> AdmissionRefused:
    """The error of a request whose call ended before it was answered."""
    if ending is Ending.BUDGET_SPENT:
        levels = {kind: budget["level"] for kind, budget in call.budgets.items()}
        return BudgetSpent("money" if levels.get("money") == BudgetLevel.SPENT else "minutes")
    return AdmissionRefused(ending, ending)


def watched_calls() -> WatchedCalls:
    """The WebRTC calls of this process, built on first use."""
    return _calls_of(runtime())


async def hang_up_orphans(of: Runtime) -> None:
    """`WatchedCalls.hang_up_orphans`, for the heartbeat of this runtime."""
    await _calls_of(of).hang_up_orphans()


@functools.cache
def _calls_of(of: Runtime) -> WatchedCalls:
    return WatchedCalls(of)
