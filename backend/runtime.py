"""Settings become live objects: the one file that knows everybody.

Everything is built on first use, inside the running event loop: Daphne has no lifespan to build it
in. A process has one runtime.
"""

import asyncio
import dataclasses
import functools
import logging
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Literal, cast
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from backend import catalogue
from backend.accounts import credentials
from backend.accounts.credentials import Credential
from backend.conversations import lifecycle
from backend.conversations.executor import DatabaseExecutor, DatabaseSlow
from backend.conversations.lifecycle import OpenedCall
from backend.conversations.recorder import Recorder
from backend.protocol.endings import Ending
from backend.relay.call import Call, SteadyClock
from backend.relay.limits import DEFAULT_LIMITS, Limits
from backend.relay.plan import CallPlan
from backend.relay.ports import CallRecorder, ClientConnection, UpstreamConnection
from backend.relay.registry import LiveCalls
from backend.relay.tape import FileTape, NoTape, Tape
from backend.telemetry.logs import log_event
from backend.upstream import providers
from backend.upstream.connector import connect as connect_to_provider
from backend.upstream.providers import Provider
from backend.upstream.target import SessionSettings, Target, TurnDetection
from backend.wording import Language

UNTIL_WRITTEN_S = 5.0
"""So long a call waits until what the one before it has said is written."""
HEARTBEAT_S = 5.0
"""A lease lasts 30 s, so five heartbeats may fail. A revoked login ends its calls in this time."""

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
"""What the model is told where `INSTRUCTIONS` is empty."""

_logger = logging.getLogger(__name__)

Connect = Callable[[Provider, Target], Coroutine[Any, Any, UpstreamConnection]]


class Runtime:
    """What the calls of this process share. Belongs to one event loop."""

    def __init__(
        self, connect: Connect = connect_to_provider, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.live = LiveCalls()
        self._connect = connect
        self._limits = limits
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._database = DatabaseExecutor(threads=3)
        # Its own thread, so that what waits for a stuck database waits behind nobody.
        self._recorder_database = DatabaseExecutor(threads=1)
        self._recorder = Recorder(self._recorder_database)
        self._heartbeat_task: asyncio.Task[None] | None = None

    async def serve_call(
        self, session_id: UUID, credential: Credential, client: ClientConnection
    ) -> Ending:
        """Authenticate, open a Call row and run the call. Returns its Ending.

        Raises AdmissionRefused, and DatabaseSlow: then nothing was opened at the provider, and the
        client has been told nothing.
        """
        self.start()
        user_id = await self._database.run(credentials.user_of, credential, session_id)
        target = target_for(user_id)
        async with self.live.slot(str(session_id)) as slot:
            opened = await self._open(session_id, user_id, target.model)
            recorder = self._recorder.for_call(opened)
            try:
                call = self._call(opened, target, client, recorder)
            except Exception:
                await recorder.finish(Ending.INTERNAL)
                raise
            slot.attach(str(opened.call_id), call)
            return await call.run()

    async def _open(self, session_id: UUID, user_id: int, model: str) -> OpenedCall:
        # What an earlier call kept belongs to the past that this one begins with: without it, a
        # message that the page sends once more would be kept twice.
        if not await self._recorder.flush(
            UNTIL_WRITTEN_S, lambda call: call.session_id == session_id
        ):
            raise DatabaseSlow
        # A thread cannot be stopped: what it opens after our time would end a newer call.
        given_up = threading.Event()
        open_call = functools.partial(
            lifecycle.open_call, worker=self._worker, model=model, is_given_up=given_up.is_set
        )
        try:
            return await self._database.run(open_call, session_id, user_id)
        except BaseException:
            given_up.set()
            raise

    def start(self) -> None:
        """Begin to renew our calls' leases and to end dead workers' calls; harmless twice."""
        if self._heartbeat_task is None:
            self._heartbeat_task = asyncio.create_task(self._heartbeat_loop(), name="heartbeat")

    async def drain(self, seconds: float) -> None:
        """Admit nobody, give answers `seconds` to end, hang up on everybody. 0 hangs up at once."""
        await self.live.drain(seconds)

    async def stop(self, wait_s: float = 2.0) -> bool:
        """Write pending turns for up to `wait_s`, then release everything.

        Returns False if something could not be written.
        """
        if self._heartbeat_task is not None:
            self._heartbeat_task.cancel()
            await asyncio.gather(self._heartbeat_task, return_exceptions=True)
            self._heartbeat_task = None
        is_written = await self._recorder.stop(wait_s)
        self._recorder_database.close()
        self._database.close()
        return is_written

    async def heartbeat(self) -> None:
        """Renew our calls' leases, end the calls that may not go on, reap those of the dead."""
        call_ids = [UUID(call_id) for call_id in self.live.call_ids()]
        if call_ids:
            must_end = await self._database.run(lifecycle.renew_leases, call_ids)
            for call_id, ending in must_end.items():
                self.live.hang_up(str(call_id), ending)
        if reaped := await self._database.run(lifecycle.reap):
            log_event(_logger, logging.WARNING, "calls.reaped", count=reaped)

    async def _heartbeat_loop(self) -> None:
        while True:
            try:
                await self.heartbeat()
            except Exception as error:
                # The database is away: calls go on without it, and the next heartbeat tries again.
                log_event(_logger, logging.WARNING, "heartbeat.failed", error=type(error).__name__)
            await asyncio.sleep(HEARTBEAT_S)

    def _call(
        self, opened: OpenedCall, target: Target, client: ClientConnection, recorder: CallRecorder
    ) -> Call:
        provider = providers.by_name(settings.REALTIME_PROVIDER)
        plan = dataclasses.replace(plan_for(opened, provider), limits=self._limits)
        clock = SteadyClock()
        return Call(
            plan,
            client,
            functools.partial(self._connect, provider, target),
            recorder,
            clock=clock,
            tape=tape_for(plan, clock),
        )


@functools.cache
def runtime() -> Runtime:
    """The runtime of this process, built at the first call."""
    return Runtime()


def target_for(user_id: int) -> Target:
    """Where this user's call is placed. The provider knows the user by an HMAC, not by an id."""
    name = salted_hmac("kaiwa.safety_identifier", str(user_id), algorithm="sha256").hexdigest()
    return Target(
        base_url=settings.OPENAI_BASE_URL,
        api_key=settings.OPENAI_API_KEY,
        model=catalogue.resolve(settings.REALTIME_MODEL, timezone.now().date()),
        safety_identifier=name,
        proxy=settings.UPSTREAM_PROXY or None,
    )


def plan_for(opened: OpenedCall, provider: Provider) -> CallPlan:
    """What an opened call is about."""
    voice = opened.voice or settings.REALTIME_VOICE
    return CallPlan(
        call_id=str(opened.call_id),
        session_id=str(opened.session_id),
        language=opened.language,
        model=opened.model,
        voice=voice,
        session=provider.session(session_settings_for(opened.language, voice)),
        past=opened.past,
        demo=settings.DEMO,
    )


def session_settings_for(language: Language, voice: str) -> SessionSettings:
    """How the provider's session behaves, from the settings."""
    return SessionSettings(
        instructions=settings.INSTRUCTIONS or INSTRUCTIONS[language],
        voice=voice,
        transcription_model=catalogue.resolve(settings.TRANSCRIPTION_MODEL, timezone.now().date()),
        turn_detection=TurnDetection(
            type=cast(Literal["server_vad", "semantic_vad"], settings.TURN_DETECTION),
            threshold=settings.VAD_THRESHOLD,
            silence_ms=settings.VAD_SILENCE_MS,
            prefix_ms=settings.VAD_PREFIX_MS,
        ),
    )


def tape_for(plan: CallPlan, clock: SteadyClock) -> Tape:
    """A tape in `TAPE_DIR`, where that is set. A tape that cannot be made costs no call."""
    if not settings.TAPE_DIR:
        return NoTape()
    folder = Path(settings.TAPE_DIR)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileTape(folder / f"{plan.call_id}.jsonl", plan, clock.now())
    except OSError as error:
        log_event(_logger, logging.ERROR, "tape.not_made", error=type(error).__name__)
        return NoTape()
