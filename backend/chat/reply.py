"""Runs one answer: requests it from the provider, stores its turns and renews its lease.

Each answer is a task of its own: a client that disconnects cancels its HTTP request, and the text
received until then must still be stored.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import openai
from django.db import DatabaseError

from backend.chat.errors import code_of
from backend.chat.reply_logic import Failed, Finished, ReplyReader, Words
from backend.conversations import replies
from backend.conversations.database_executor import DatabaseExecutor, DatabaseSlow
from backend.conversations.models import Turn
from backend.conversations.recorder import Recorder
from backend.conversations.replies import ANSWER, MESSAGE, Lease, OpenedReply
from backend.protocol.errors import UpstreamError, UpstreamFailed
from backend.protocol.reading import mapping_at
from backend.protocol.transcript import turns
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from backend.relay.usage_estimate import estimated_text_usage
from backend.telemetry.logs import log_event
from backend.upstream.providers.interface import Provider
from backend.upstream.rest import STALL_S, post_streamed, upstream_errors

HEARTBEAT_S = 1.0
"""The interval of lease renewals, at which a reply finds that another process has asked it to stop.
A call that opens in another process therefore waits at most this long for the answer to stop."""
KEEP_EVERY_S = 0.5
"""The shortest interval between two versions of an unfinished answer passed to the recorder: each
version is a copy of the whole text."""
WORDS_EVERY_S = 0.05
"""The shortest interval between two pieces of an answer's text; the first is passed on at once. A
model sends 50 or more deltas a second: of 32 writes to the client's socket for a short answer, 13
are left."""
STORE_WAIT_S = 5.0
"""The longest wait for the recorder to write the turns of an answer that has ended."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an answer: its stored turn, or the error code if there is none.

    `remembered_from`: with the turn, as `Chat.remembered_from`.
    `retry_after_s`: the provider's `Retry-After` in seconds, if it sent one.
    """

    turn: Turn | None = None
    remembered_from: int | None = None
    code: str = "internal"
    retry_after_s: float | None = None


Update = Words | Ended


@dataclass(frozen=True, slots=True)
class Question:
    """The user's message, the body of the request (with the history), and the requested model."""

    message: str
    request: Mapping[str, Any]
    model: str


class RunningReply:
    """One answer in progress. Call `run` once, as a task; `stop` may be called at any time."""

    def __init__(
        self,
        opened: OpenedReply,
        question: Question,
        *,
        client: Callable[[], Awaitable[openai.AsyncOpenAI]],
        provider: Provider,
        recorder: Recorder,
        database: DatabaseExecutor,
        stall_s: float = STALL_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.opened = opened
        self._question = question
        self._client = client
        self._provider = provider
        self._recorder = recorder
        # The same one for all versions of a turn: it merges versions that are not yet written.
        self._turns = recorder.for_session(opened.exchange, model=question.model)
        self._database = database
        self._stall_s = stall_s
        self._heartbeat_s = heartbeat_s
        self._reader = ReplyReader()
        self._started_at = datetime.now(UTC)
        self._kept_at_s = 0.0
        self._updates: asyncio.Queue[Update] = asyncio.Queue()
        self._unsent: list[str] = []
        self._next_words_at_s = 0.0
        self._sending: asyncio.Handle | None = None
        self._asking_task: asyncio.Task[Finished] | None = None
        self._is_stopped = self._is_lease_lost = False

    @property
    def session_id(self) -> UUID:
        """The id of the session."""
        return self.opened.exchange.session_id

    def stop(self) -> None:
        """Stop the provider's stream. The text received is stored as `interrupted`. Idempotent."""
        self._is_stopped = True
        if self._asking_task is not None:
            self._asking_task.cancel()

    async def updates(self) -> AsyncIterator[Update]:
        """Yield the answer's text as it arrives, then its Ended. Only one consumer may iterate."""
        while True:
            update = await self._updates.get()
            yield update
            if isinstance(update, Ended):
                return

    async def run(self) -> None:
        """Run the answer to its end. Never raises."""
        ended = Ended()
        try:
            self._keep_message()
            status, error = await self._outcome()
            ended = await self._store(status, error)
        except (DatabaseError, DatabaseSlow):
            ended = Ended(code="unavailable")
        except Exception as error:
            log_event(_logger, logging.ERROR, "reply.crashed", error=type(error).__name__)
        finally:
            self._send_words()
            self._updates.put_nowait(ended)

    async def _outcome(self) -> tuple[replies.Status, UpstreamError | None]:
        """Request the answer. Return its final status, and the provider's error if it failed."""
        self._asking_task = asyncio.create_task(self._ask())
        if self._is_stopped:
            self._asking_task.cancel()
        heartbeat = asyncio.create_task(self._renew_lease())
        try:
            await asyncio.wait((self._asking_task,))
        finally:
            heartbeat.cancel()
            self._asking_task.cancel()
        if self._asking_task.cancelled():
            return TurnStatus.INTERRUPTED, None
        match self._asking_task.exception():
            case None:
                return cast(replies.Status, self._asking_task.result().status), None
            case UpstreamError() as error:
                return TurnStatus.FAILED, error
            case error:
                raise error

    async def _ask(self) -> Finished:
        """Read the provider's stream to its end. Raises an UpstreamError."""
        with upstream_errors(self._provider):
            client = await self._client()
            async with asyncio.timeout(self._stall_s):
                stream = await post_streamed(client, "/responses", self._question.request)
            try:
                while True:
                    await self._pace()
                    async with asyncio.timeout(self._stall_s):
                        event = await anext(stream, None)
                    if event is None:
                        raise UpstreamFailed("connection_lost")
                    effect = self._reader.take(mapping_at(event))
                    if isinstance(effect, Finished):
                        return effect
                    if isinstance(effect, Failed):
                        raise effect.error
                    if effect is not None:
                        self._unsent.append(effect.text)
                        if not self._next_words_at_s:
                            self._send_words()
            finally:
                await stream.close()

    async def _pace(self) -> None:
        """Wait until words may be passed on again, then have those that are there passed on.

        Meanwhile the provider's next events gather in the socket. They are all read before the
        callback runs: reading an event that has come does not suspend this task.
        """
        loop = asyncio.get_running_loop()
        if (wait_s := self._next_words_at_s - loop.time()) > 0:
            await asyncio.sleep(wait_s)
        if self._unsent and self._sending is None:
            self._sending = loop.call_soon(self._send_words)

    def _send_words(self) -> None:
        """Pass on the words that have not been, as one piece."""
        self._sending = None
        if not self._unsent:
            return
        self._updates.put_nowait(Words("".join(self._unsent)))
        self._unsent.clear()
        now_s = asyncio.get_running_loop().time()
        self._next_words_at_s = now_s + WORDS_EVERY_S
        if now_s - self._kept_at_s >= KEEP_EVERY_S:
            self._kept_at_s = now_s
            self._keep_answer(TurnStatus.IN_PROGRESS)

    async def _renew_lease(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            # While the database is unavailable the answer continues: no call can open then.
            with contextlib.suppress(DatabaseError, DatabaseSlow):
                lease = await self._database.run(
                    replies.renew_lease, self.opened.reply_id, self.opened.attempt
                )
                if lease is not Lease.KEPT:
                    self._is_lease_lost = lease is Lease.LOST
                    self.stop()
                    return

    async def _store(self, status: replies.Status, error: UpstreamError | None) -> Ended:
        """Store the answer and its cost, and end the reply's row."""
        self._count_usage()
        if self._is_lease_lost:
            # A later attempt has taken over, and writes this answer.
            return Ended(code="reply_running")
        # A failed answer without text gets no turn; an interrupted one gets one, even if empty.
        if self._reader.text or error is None:
            self._keep_answer(status)
        if error is not None:
            log_event(
                _logger, logging.WARNING, "reply.failed",
                session_id=self.session_id, code=error.code, status=error.status,
            )  # fmt: skip
        is_stored = await self._turns.flush(STORE_WAIT_S)
        turn, remembered_from = await self._database.run(
            replies.end_and_remember,
            self.opened.reply_id,
            self.opened.attempt,
            status,
            self.session_id,
        )
        if error is not None:
            return Ended(code=code_of(error), retry_after_s=error.retry_after_s)
        if turn is None or not is_stored:
            return Ended(code="unavailable")
        return Ended(turn, remembered_from)

    def _count_usage(self) -> None:
        """Record what the answer cost: an estimate if it was cut off, and so has no usage."""
        reader, usage = self._reader, self._reader.usage
        if usage is None and (reader.response_id or reader.text) and not reader.has_failed:
            own_id = f"{self.opened.message_id}.{self.opened.attempt}"
            source_id = reader.response_id or own_id
            usage = estimated_text_usage(source_id, self._question.request, reader.text)
        if usage is not None:
            model = reader.model or self._question.model
            usage = replace(usage, item_id=self._answer_id)
            self._recorder.for_session(self.opened.exchange, model=model).count(usage)

    @property
    def _answer_id(self) -> str:
        """The item id of the answer's turn."""
        return f"{self.opened.message_id}_reply"

    def _keep_message(self) -> None:
        message = self._question.message
        self._keep(self.opened.message_id, MESSAGE, Role.USER, message, TurnStatus.COMPLETED)

    def _keep_answer(self, status: TurnStatus) -> None:
        self._keep(self._answer_id, ANSWER, Role.ASSISTANT, self._reader.text, status)

    def _keep(self, item_id: str, position: int, role: Role, text: str, status: TurnStatus) -> None:
        self._turns.keep(
            turns.Turn(
                item_id=item_id,
                content_index=0,
                role=role,
                modality=Modality.TEXT,
                text=text,
                status=status,
                position=position,
                started_at=self._started_at,
                completed_at=None if status is TurnStatus.IN_PROGRESS else datetime.now(UTC),
            )
        )
