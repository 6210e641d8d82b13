"""Builds the live objects from the settings: the one module that imports from every package.

Everything is built on first use, inside the running event loop, because Daphne has no lifespan
event to build it in. A process has one runtime.
"""

import asyncio
import contextlib
import dataclasses
import functools
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast
from uuid import UUID

from django.conf import settings

from backend.accounts import credentials
from backend.accounts.credentials import Credential
from backend.accounts.safety_identifier import safety_identifier
from backend.beats import sleep_to_beat
from backend.configured_providers import (
    ConfiguredProvider,
    default_provider,
    provider_named,
)
from backend.conversations import control, jobs, lifecycle, replies
from backend.conversations.database_executor import DatabaseExecutor, DatabaseSlow
from backend.conversations.lifecycle import OpenedCall, SessionBusy
from backend.conversations.listeners import Notifier, RecordListener
from backend.conversations.models import Call as CallRow
from backend.conversations.process_liveness import process_name
from backend.conversations.recorder import Recorder
from backend.conversations.spool import Spool, database_tag
from backend.conversations.spool_task import ReplayTask
from backend.conversations.tape_files import tape_path
from backend.conversations.titles import TitleListener
from backend.conversations.writing import Written
from backend.database import check_pools, recorder_alias
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.redis_channel import ChannelListener
from backend.redis_client import shared_redis
from backend.relay.call import Call, SteadyClock
from backend.relay.limits import DEFAULT_LIMITS, Limits
from backend.relay.plan import CallPlan
from backend.relay.ports import CallRecorder, ClientConnection, ClientGone, UpstreamConnection
from backend.relay.ports import Connect as ConnectCall
from backend.relay.registry import LiveCalls
from backend.relay.tape import FileTape, NoTape, Tape
from backend.relay.ticker import Ticker
from backend.spending.budget_usage import has_budgets, states_of_calls
from backend.spending.reservations import reserve_call
from backend.telemetry.counters import COUNTERS
from backend.telemetry.log_context import process_context
from backend.telemetry.logs import log_event
from backend.upstream.connector import connect as connect_to_provider
from backend.upstream.providers.interface import Provider, SessionSettings, TurnDetection
from backend.upstream.target import Target
from backend.wording import Language

EARLIER_TURNS_WAIT_S = 5.0
"""How long a new call waits until the session's earlier turns are written."""
REPLAY_WAIT_S = 2.0
"""How long a new call waits for what a dead process left, in the first seconds of this process."""
REPLY_WAIT_S = 3.0
"""How long a new call waits until a typed answer that it stops is stored; usually milliseconds."""
REPLY_POLL_S = 0.05
TAKE_OVER_WAIT_S = 2.0
"""How long a new call waits for the end of the session's older call in another process."""
TAKE_OVER_POLL_S = 0.05
CLOSING_WAIT_S = 2.0
"""How long a call that is one too many waits for calls that close. With a limit of one call at once
a person who typed, left and opened another conversation was refused: the first call waits up to
1.5 s for the provider's reply to the message."""
HEARTBEAT_S = 5.0
"""A lease lasts 30 s, so five heartbeats may fail. A revoked login ends its calls in this time, and
within a second with Redis (`conversations.control`)."""
CONTROL_POLL_S = 0.5
"""How often a process that has calls asks whether another one has ended them or requested it. One
query by primary key, on SQLite only after a write (`control.Poll`); without it, and without Redis,
a call that took over from another process's began without the last 0.9 s that were said there."""
EARLY_IDS = 256
"""How many published call ids are remembered in case that such a call is being opened here."""
REPLIES_SHARE = 0.25
"""The part of the time to stop in which typed answers store what came."""
LISTENERS_SHARE = 0.1
"""The part of the time to stop that is left to the listeners, after the last write."""

INSTRUCTIONS: Mapping[Language, str] = {
    "en": (
        "You are a friendly assistant in a spoken conversation. Speak English unless you are asked"
        " for another language. Answer in one to three short sentences, say what matters first,"
        " and ask back when something is unclear."
    ),
    "ja": (
        "あなたは音声で会話する親しみやすいアシスタントです。ほかの言語を求められない限り、"
        "自然な日本語で話してください。大切なことから先に、一文から三文で短く答え、"
        "分からないことがあれば聞き返してください。"
    ),
}
"""The instructions for the model if the setting `INSTRUCTIONS` is empty."""

BEAT_WAIT_S = 10.0
"""How long the database may take for a heartbeat, in seconds. With what may follow it (5 s for
jobs, 5 s for budgets) and the pause, leases are renewed within 25 s, where they last 30 s."""


class HeartbeatWork(NamedTuple):
    """What a package above this one does at heartbeats.

    `is_due` is asked on the heartbeat's database thread, and `work` runs only if it returns True.
    There is nearly never something to do, and a thread hop for each question cost more than its
    query.
    """

    is_due: Callable[[], bool]
    work: "Callable[[Runtime], Coroutine[Any, Any, None]]"


HEARTBEAT_WORK: list[HeartbeatWork] = []
"""Runs in a task of its own; packages add to it when Django is ready. A heartbeat starts none while
that of an earlier one runs."""

_logger = logging.getLogger(__name__)

Transport = CallRow.Transport
Connect = Callable[[Provider, Target], Coroutine[Any, Any, UpstreamConnection]]


@dataclasses.dataclass(frozen=True, slots=True)
class CallModels:
    """Who answers in a call: the provider's name, and its models."""

    provider: str
    model: str
    transcription_model: str


class DueAtBeat(NamedTuple):
    """What a heartbeat has found that is to be done after it. As long as it is not known: all."""

    jobs: bool = True
    budgets: bool = True
    work: Sequence[HeartbeatWork] | None = None
    """None: it is not known, so all of `HEARTBEAT_WORK`."""


class LiveReply(Protocol):
    """A typed answer that runs in this process (`backend.chat`)."""

    @property
    def session_id(self) -> UUID:
        """The session that it is part of."""
        ...

    def stop(self) -> None:
        """Stop the provider's stream, store what came, and end."""
        ...


class Runtime:
    """What all calls of this process share. Belongs to one event loop.

    `listeners` are called after turns and endings have been written (`conversations.listeners`).
    `replies` are the typed answers that run; `backend.chat` adds and removes them.
    """

    def __init__(
        self,
        connect: Connect = connect_to_provider,
        limits: Limits = DEFAULT_LIMITS,
        listeners: Sequence[RecordListener] = (),
    ) -> None:
        self.live = LiveCalls()
        self.replies: set[LiveReply] = set()
        self._connect = connect
        self._limits = limits
        self._ticker = Ticker(sleep_to_beat, limits.tick_s, on_rested=COUNTERS.count_call_seconds)
        self._worker = process_name()
        self._database = DatabaseExecutor(threads=3, keeps_sqlite=True)
        # Threads of their own, so that a stuck write or listener delays nothing else.
        alias = recorder_alias()
        self._recorder_database = DatabaseExecutor(threads=1, alias=alias, keeps_sqlite=True)
        self._heartbeat_database = DatabaseExecutor(threads=1, alias=alias, keeps_sqlite=True)
        self._listener_database = DatabaseExecutor(threads=1, keeps_sqlite=True)
        self._notifier = Notifier(listeners, self._listener_database)
        folder, tag = Path(settings.SPOOL_DIR), database_tag(settings.DATABASES["default"])
        self._recorder = Recorder(
            self._recorder_database,
            after_write=self._notifier.after_write,
            spool=Spool(folder, tag),
        )
        self._replay = ReplayTask(folder, tag, announce=self._after_replay)
        self._heartbeat_task: asyncio.Task[None] | None = None
        self._control_task: asyncio.Task[None] | None = None
        self._poll_task: asyncio.Task[None] | None = None
        self._heartbeat_work: asyncio.Task[None] | None = None
        self._to_check: set[UUID] = set()
        self._has_to_check = asyncio.Event()
        self._early_ids: deque[UUID] = deque(maxlen=EARLY_IDS)
        self._due = DueAtBeat()
        self._parsed: tuple[Sequence[str], Sequence[UUID]] = (), ()

    async def serve_call(
        self, session_id: UUID, credential: Credential, client: ClientConnection
    ) -> Ending:
        """Authenticate, open a Call row and run the call. Returns its Ending.

        Raises AdmissionRefused, DatabaseSlow, and ClientGone if the client has left before its call
        opened. Then no connection to the provider was opened, and nothing was sent to the client.
        """
        self.start()
        user_id, provider_name = await self._database.run(_admitted, credential, session_id)
        if await client.has_left():
            # A page that has connected again must not be taken over by its own earlier attempt,
            # for which the database was slower.
            raise ClientGone
        return await self._serve(session_id, user_id, provider_name, client)

    async def watch_call(
        self,
        session_id: UUID,
        user_id: int,
        client: ClientConnection,
        connect: Callable[[OpenedCall], ConnectCall],
    ) -> Ending:
        """Open a Call row for a WebRTC call and watch it. Returns its Ending.

        `connect` returns, for the opened call, what makes the call at the provider and joins its
        sideband (`upstream.sideband`). `client` has no frames, and leaves when the browser does.
        Raises AdmissionRefused and DatabaseSlow.
        """
        self.start()
        provider_name = await self._database.run(lifecycle.provider_of, session_id, user_id)
        return await self._serve(session_id, user_id, provider_name, client, connect)

    async def _serve(
        self,
        session_id: UUID,
        user_id: int,
        provider_name: str | None,
        client: ClientConnection,
        connect: Callable[[OpenedCall], ConnectCall] | None = None,
    ) -> Ending:
        """Run a call of the provider of this name; with `connect` a watched one."""
        # Of a session that does not exist, opening the call says so.
        provider = default_provider() if provider_name is None else provider_named(provider_name)
        target = target_for(user_id, provider)
        if self.live.has_call_in(str(session_id)):
            # A call that cannot open must not end the one that runs.
            await self._database.run(_check_can_open(session_id, user_id))
        async with self.live.slot(str(session_id)) as slot:
            transport = Transport.RELAY if connect is None else Transport.WEBRTC
            models = CallModels(provider.name, target.model, provider.transcription_model)
            opened = await self._open_when_closed(session_id, user_id, models, transport)
            recorder = self._recorder.for_call(opened)
            try:
                if connect is None:
                    call = self._call(opened, target, client, recorder)
                else:
                    call = self._watched_call(opened, client, connect(opened), recorder)
            except Exception:
                await recorder.finish(Ending.INTERNAL)
                raise
            slot.attach(str(opened.call_id), call)
            if opened.call_id in self._early_ids:
                self._check_soon([opened.call_id])
            return await call.run()

    @property
    def database(self) -> DatabaseExecutor:
        """Runs database work off the event loop."""
        return self._database

    @property
    def recorder(self) -> Recorder:
        """Writes turns and usages."""
        return self._recorder

    def _after_replay(self, written: Written) -> None:
        COUNTERS.count_costs(written.costs)
        self._notifier.after_write(written)

    async def flush_session(self, session_id: UUID) -> None:
        """Wait until the session's earlier turns are written. Raises DatabaseSlow."""
        if not await self._recorder.flush(
            EARLIER_TURNS_WAIT_S, lambda each: each.session_id == session_id
        ):
            raise DatabaseSlow

    async def _end_reply(self, session_id: UUID, user_id: int) -> None:
        """Stop the typed answer that runs in the user's session, and wait until it is stored."""
        waited_s = 0.0
        check = _check_can_open(session_id, user_id)
        ask_to_stop = functools.partial(replies.ask_to_stop, check=check)
        while await self._database.run(ask_to_stop, session_id, user_id):
            for reply in [one for one in self.replies if one.session_id == session_id]:
                reply.stop()
            if waited_s >= REPLY_WAIT_S:
                break
            await asyncio.sleep(REPLY_POLL_S)
            waited_s += REPLY_POLL_S

    async def _end_call_elsewhere(self, session_id: UUID, user_id: int) -> None:
        """End the session's call in another process, and wait until what was said is stored."""
        check = _check_can_open(session_id, user_id)
        if not await self._database.run(control.request_take_over, session_id, user_id, check):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAKE_OVER_WAIT_S):
                # What is awaited happens in another process.
                while await self._database.run(lifecycle.has_open_call, session_id):  # noqa: ASYNC110
                    await asyncio.sleep(TAKE_OVER_POLL_S)

    async def _open_when_closed(
        self, session_id: UUID, user_id: int, models: CallModels, transport: Transport
    ) -> OpenedCall:
        """Open a call. One of the user's that is closing here counts until its words are stored."""
        try:
            return await self._open(session_id, user_id, models, transport)
        except AdmissionRefused as refused:
            if refused.ending is not Ending.TOO_MANY_CALLS:
                raise
            if not await self.live.wait_for_closing(CLOSING_WAIT_S):
                raise
        return await self._open(session_id, user_id, models, transport)

    async def _open(
        self,
        session_id: UUID,
        user_id: int,
        models: CallModels,
        transport: Transport = Transport.RELAY,
    ) -> OpenedCall:
        # The call replays the session's earlier turns. If one was not yet written, a message that
        # the page sends again would be stored twice.
        await self.flush_session(session_id)
        await self._replay.first_round(REPLAY_WAIT_S)
        try:
            return await self._open_now(
                session_id, user_id, models, transport, may_end_others=False
            )
        except SessionBusy:
            await self._end_call_elsewhere(session_id, user_id)
            await self._end_reply(session_id, user_id)
            await self.flush_session(session_id)
        return await self._open_now(session_id, user_id, models, transport, may_end_others=True)

    async def _open_now(
        self,
        session_id: UUID,
        user_id: int,
        models: CallModels,
        transport: Transport,
        *,
        may_end_others: bool,
    ) -> OpenedCall:
        # A thread cannot be stopped: a call that it opens after our time-out would end a newer one.
        given_up = threading.Event()
        open_call = functools.partial(
            lifecycle.open_call,
            worker=self._worker,
            provider=models.provider,
            model=models.model,
            transport=transport,
            transcription_model=models.transcription_model,
            is_given_up=given_up.is_set,
            reserve=reserve_call,
            may_end_others=may_end_others,
        )
        try:
            opened = await self._database.run(open_call, session_id, user_id)
        except BaseException:
            given_up.set()
            raise
        if opened.interrupted_call_id is not None:
            self._notifier.call_ended(opened.interrupted_call_id, Ending.INTERRUPTED)
        return opened

    def start(self) -> None:
        """Start the heartbeat, the control messages and the replay of what dead processes left.

        Calling it again does nothing.
        """
        self._replay.start()
        if self._heartbeat_task is None:
            self._heartbeat_task = asyncio.create_task(
                self._heartbeat_loop(), name="heartbeat", context=process_context()
            )
        if self._poll_task is None:
            self._poll_task = asyncio.create_task(
                self._poll_control(), name="control-poll", context=process_context()
            )
        if self._control_task is None and settings.REDIS_URL:
            listener = ChannelListener(
                settings.REDIS_URL,
                control.CHANNEL,
                on_subscribed=self._after_subscribing,
                on_message=lambda message: self._check_soon(control.call_ids_in(message)),
            )
            self._control_task = asyncio.create_task(
                listener.run(), name="control", context=process_context()
            )

    async def drain(self, seconds: float) -> None:
        """Refuse new calls, let replies end within `seconds`, then end all calls.

        Typed answers go on meanwhile; `stop` stops those that are left.
        """
        await self.live.drain(seconds)

    async def stop(self, wait_s: float) -> bool:
        """Write what is pending within `wait_s` seconds, or spool it, then release everything.

        Returns False if something could be neither written nor spooled.
        """
        await cancelled(self._heartbeat_task, self._poll_task, self._control_task)
        # After the loop that starts it.
        await cancelled(self._heartbeat_work)
        self._heartbeat_task = self._poll_task = self._control_task = None
        self._heartbeat_work = None
        await self._replay.stop()
        await self._stop_replies(wait_s * REPLIES_SHARE)
        is_written = await self._recorder.stop(wait_s * (1 - REPLIES_SHARE - LISTENERS_SHARE))
        await self._notifier.stop(wait_s * LISTENERS_SHARE)
        for executor in (
            self._recorder_database,
            self._heartbeat_database,
            self._listener_database,
            self._database,
        ):
            executor.close()
        return is_written

    async def _stop_replies(self, wait_s: float) -> None:
        """Stop the typed answers of this process, and wait until they are stored."""
        for reply in tuple(self.replies):
            reply.stop()
        waited_s = 0.0
        while self.replies and waited_s < wait_s:
            await asyncio.sleep(REPLY_POLL_S)
            waited_s += REPLY_POLL_S

    async def heartbeat(self) -> None:
        """Renew the leases of our calls, end those that must end, reap the calls of dead workers.

        The database's connections are checked as well.

        Reaping stays here although the clean-up job does it as well: dead calls must end also where
        no worker for jobs runs.
        """
        self._due = DueAtBeat()
        loop = asyncio.get_running_loop()
        self._due = await self._heartbeat_database.run(
            self._beat, self._call_ids(), loop, timeout_s=BEAT_WAIT_S
        )
        if self._due.jobs:
            await self._database.run(jobs.enqueue_periodic_jobs)

    def _beat(self, call_ids: Sequence[UUID], loop: asyncio.AbstractEventLoop) -> DueAtBeat:
        """Do a heartbeat's database work, in one thread hop.

        Each result goes to the event loop at once, since a later part may fail.
        """
        if must_end := lifecycle.renew_leases(call_ids):
            loop.call_soon_threadsafe(self._hang_up_all, must_end)
        if reaped := lifecycle.reap():
            loop.call_soon_threadsafe(self._announce_reaped, reaped)
        work = [each for each in HEARTBEAT_WORK if _may_be_due(each)]
        due = DueAtBeat(jobs.are_due(), has_budgets(), work)
        check_pools()
        return due

    def _hang_up_all(self, endings: Mapping[UUID, Ending]) -> None:
        for call_id, ending in endings.items():
            self.live.hang_up(str(call_id), ending)

    def _announce_reaped(self, call_ids: Collection[UUID]) -> None:
        log_event(_logger, logging.WARNING, "calls.reaped", count=len(call_ids))
        for call_id in call_ids:
            self._notifier.call_ended(call_id, Ending.INTERRUPTED)

    async def _check(self, call_ids: Iterable[UUID]) -> None:
        """Renew the leases of these calls of ours, and end those that must end."""
        call_ids = list(call_ids)
        if call_ids:
            self._hang_up_all(await self._heartbeat_database.run(lifecycle.renew_leases, call_ids))

    async def update_budgets(self) -> None:
        """Tell our calls how much of their users' budgets is used.

        On the threads of requests: the sums of a month must not delay the leases. A budget that
        staff have raised holds from here on.
        """
        if call_ids := self._call_ids():
            states = await self._database.run(states_of_calls, call_ids)
            self.live.update_budgets(
                {
                    call_id: states[key]
                    for call_id in self.live.call_ids()
                    if (key := _uuid(call_id)) in states
                }
            )

    def _call_ids(self) -> Sequence[UUID]:
        """The ids of our calls, each parsed once; the same object until one comes or goes."""
        as_texts = self.live.call_ids()
        if as_texts is not self._parsed[0]:
            self._parsed = as_texts, [_uuid(call_id) for call_id in as_texts]
        return self._parsed[1]

    def _check_soon(self, call_ids: Iterable[UUID]) -> None:
        """Check those of these calls that run here before the next heartbeat."""
        self._to_check.update(call_ids)
        if self._to_check:
            self._has_to_check.set()

    def _after_subscribing(self) -> None:
        """Use Redis again at once, and read what was published while it was away."""
        if (shared := shared_redis()) is not None:
            shared.mark_alive()
        self._check_soon(self._call_ids())

    async def _check_published(self) -> None:
        """Check our calls among those whose rows have changed."""
        self._has_to_check.clear()
        ours = self._to_check.intersection(self._call_ids())
        # The message can be faster than the opening of the call that it is about.
        self._early_ids.extend(self._to_check - ours)
        self._to_check.clear()
        await self._check(ours)

    async def _heartbeat_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            is_alive = await self._try(self.heartbeat)
            if is_alive and (self._due.budgets or self.live.have_budgets):
                await self._try(self.update_budgets)
            if self._heartbeat_work is None or self._heartbeat_work.done():
                work = HEARTBEAT_WORK if self._due.work is None else self._due.work
                if work:
                    self._heartbeat_work = asyncio.create_task(
                        self._do_heartbeat_work(work), name="heartbeat-work"
                    )
            # Together with a look for ended calls; not at the same moment in every process.
            next_s = loop.time() + HEARTBEAT_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_s - next_s % CONTROL_POLL_S):
                    while await self._has_to_check.wait():
                        await self._try(self._check_published)

    async def _do_heartbeat_work(self, of_packages: Sequence[HeartbeatWork]) -> None:
        """Run `HEARTBEAT_WORK`. It may wait for a provider; leases and revocations do not."""
        for each in of_packages:
            await self._try(functools.partial(each.work, self))

    async def _poll_control(self) -> None:
        """Check the calls that another process has ended or requested to end, soon after that."""
        poll = control.Poll()
        while True:
            await sleep_to_beat(CONTROL_POLL_S)
            call_ids = self._call_ids()
            if call_ids and poll.may_find(call_ids):
                try:
                    self._check_soon(
                        await self._heartbeat_database.run(poll.calls_to_end, call_ids)
                    )
                except Exception:
                    # The database is away, which the heartbeat logs.
                    await asyncio.sleep(HEARTBEAT_S)

    async def _try(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run this part of a heartbeat. Returns False if it failed, which is logged."""
        try:
            await work()
        except Exception as error:
            # The database is away: calls go on without it, and the next heartbeat retries.
            log_event(_logger, logging.WARNING, "heartbeat.failed", error=type(error).__name__)
            return False
        return True

    def _call(
        self, opened: OpenedCall, target: Target, client: ClientConnection, recorder: CallRecorder
    ) -> Call:
        provider = provider_named(opened.provider).provider
        connect = functools.partial(self._connect, provider, target)
        return self._planned_call(plan_for(opened, provider), client, connect, recorder)

    def _watched_call(
        self,
        opened: OpenedCall,
        client: ClientConnection,
        connect: ConnectCall,
        recorder: CallRecorder,
    ) -> Call:
        plan = watched_plan_for(opened, provider_named(opened.provider).provider)
        return self._planned_call(plan, client, connect, recorder)

    def _planned_call(
        self,
        plan: CallPlan,
        client: ClientConnection,
        connect: ConnectCall,
        recorder: CallRecorder,
    ) -> Call:
        plan = dataclasses.replace(plan, limits=limits_for(self._limits))
        clock = SteadyClock()
        return Call(
            plan,
            client,
            connect,
            recorder,
            clock=clock,
            ticker=self._ticker,
            tape=tape_for(plan, clock),
            counters=COUNTERS,
        )


_uuid = functools.lru_cache(maxsize=4096)(UUID)


async def cancelled(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel those of these tasks that were started, and wait until they have ended."""
    started = [task for task in tasks if task is not None]
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)


@functools.cache
def runtime() -> Runtime:
    """The runtime of this process, built on first use."""
    return Runtime(listeners=(TitleListener(),))


def _may_be_due(work: HeartbeatWork) -> bool:
    """Whether this work is due, or its package cannot say: then its own failure is logged."""
    try:
        return work.is_due()
    except Exception:
        return True


def _admitted(credential: Credential, session_id: UUID) -> tuple[int, str | None]:
    """The id of the credential's user, and the provider of the session if it is theirs."""
    user_id = credentials.user_of(credential, session_id)
    return user_id, lifecycle.provider_of(session_id, user_id)


def _check_can_open(session_id: UUID, user_id: int) -> Callable[[], None]:
    """The check that a call can open, for what would end something that runs."""
    return functools.partial(lifecycle.check_can_open, session_id, user_id, reserve_call)


def target_for(user_id: int, provider: ConfiguredProvider | None = None) -> Target:
    """The connection to this provider, else the default one, for this user, who is identified to it
    by an HMAC, not by an id.
    """
    return (provider or default_provider()).target(safety_identifier(user_id))


def plan_for(opened: OpenedCall, provider: Provider) -> CallPlan:
    """The plan of an opened call, from its session and the settings."""
    session = session_settings_for(opened.language, opened.voice, opened.transcription_model)
    return CallPlan(
        call_id=str(opened.call_id),
        session_id=str(opened.session_id),
        language=opened.language,
        model=opened.model,
        voice=opened.voice,
        session=provider.session(session),
        past=opened.past,
        demo=settings.DEMO,
        history_tokens=settings.HISTORY_TOKENS,
    )


def watched_plan_for(opened: OpenedCall, provider: Provider) -> CallPlan:
    """The plan of an opened call over WebRTC. It cannot move to another connection: it ends with
    the provider's."""
    session = session_settings_for(opened.language, opened.voice, opened.transcription_model)
    return dataclasses.replace(
        plan_for(opened, provider),
        session=provider.sideband_session(session),
        history_tokens=None,
        is_watched=True,
    )


def limits_for(limits: Limits) -> Limits:
    """These limits, with the longest call of the settings if they bound it."""
    if not settings.MAX_CALL_MINUTES:
        return limits
    return dataclasses.replace(limits, longest_call_s=settings.MAX_CALL_MINUTES * 60.0)


def session_settings_for(
    language: Language, voice: str, transcription_model: str
) -> SessionSettings:
    """The configuration of the provider's session."""
    return SessionSettings(
        instructions=settings.INSTRUCTIONS or INSTRUCTIONS[language],
        voice=voice,
        transcription_model=transcription_model,
        turn_detection=TurnDetection(
            type=cast(Literal["server_vad", "semantic_vad"], settings.TURN_DETECTION),
            threshold=settings.VAD_THRESHOLD,
            silence_ms=settings.VAD_SILENCE_MS,
            prefix_ms=settings.VAD_PREFIX_MS,
        ),
        truncation=settings.TRUNCATION,
    )


def tape_for(plan: CallPlan, clock: SteadyClock) -> Tape:
    """A tape in `TAPE_DIR` if that is set. If it cannot be created, the call has none."""
    path = tape_path(plan.call_id)
    if path is None:
        return NoTape()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileTape(path, plan, clock.now())
    except OSError as error:
        log_event(_logger, logging.ERROR, "tape.not_made", error=type(error).__name__)
        return NoTape()
