"""Starts typed answers with this process's settings, provider, recorder and database."""

import asyncio
import functools
from collections.abc import AsyncGenerator
from uuid import UUID

import httpx2
from django.conf import settings
from django.db import DatabaseError

from backend.accounts.safety_identifier import safety_identifier
from backend.chat.reply import HEARTBEAT_S, Question, RunningReply, Update
from backend.chat.reply_logic import request_of
from backend.configured_providers import RestClients, provider_named
from backend.conversations import replies
from backend.conversations.database_executor import DatabaseSlow
from backend.conversations.history import past_of
from backend.conversations.models import Turn
from backend.conversations.replies import OpenedReply
from backend.runtime import INSTRUCTIONS, Runtime, runtime
from backend.spending.reservations import reserve_reply
from backend.upstream.rest import STALL_S


class Chat:
    """Runs the answers to typed messages in this process. They share one REST client by provider.

    Bound to one event loop, like its runtime. `transport` replaces the network in tests.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        stall_s: float = STALL_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._runtime = runtime
        self._stall_s = stall_s
        self._heartbeat_s = heartbeat_s
        self._rest_clients = RestClients(transport)
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, session_id: UUID, user_id: int, message_id: str) -> OpenedReply | Turn:
        """Reserve the answer to this message, or return the answer that it already has.

        Raises DatabaseSlow, what `replies.open_reply` raises, and BudgetSpent.
        """
        await self._runtime.flush_session(session_id)
        return await self._runtime.database.run(
            replies.open_reply, session_id, user_id, message_id, reserve_reply
        )

    async def answer(
        self, opened: OpenedReply, user_id: int, message: str
    ) -> AsyncGenerator[Update, None]:
        """Run an opened answer. Yields its text as it arrives, then its Ended.

        Closing the iterator, as a cancelled request does, stops the answer.
        """
        reply = self._start(opened, user_id, message)
        try:
            async for update in reply.updates():
                yield update
        finally:
            reply.stop()

    async def stop(self, session_id: UUID, user_id: int, message_id: str) -> None:
        """Stop the answer to this message, in whichever process it runs."""
        database = self._runtime.database
        if await database.run(replies.ask_to_stop, session_id, user_id, message_id):
            for reply in tuple(self._runtime.replies):
                if reply.session_id == session_id:
                    reply.stop()

    async def remembered_from(self, session_id: UUID) -> int | None:
        """Return the position of the first turn that will be sent with the session's next question.

        None if all turns will be sent, and also if the database fails: the value is sent to the
        client with an answer that is already stored, and must not make that response fail.
        """
        try:
            past = await self._runtime.database.run(past_of, session_id)
        except (DatabaseError, DatabaseSlow):
            return None
        return past.remembered_from

    async def close(self) -> None:
        """Wait until the answers have ended, and close the clients."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._rest_clients.close()

    def _start(self, opened: OpenedReply, user_id: int, message: str) -> RunningReply:
        exchange = opened.exchange
        provider = provider_named(exchange.provider)
        request = request_of(
            provider.chat_model,
            settings.INSTRUCTIONS or INSTRUCTIONS[exchange.language],
            exchange.past,
            message,
            safety_identifier(user_id),
        )
        reply = RunningReply(
            opened,
            Question(message, request, provider.chat_model),
            client=functools.partial(self._rest_clients.get, exchange.provider),
            provider=provider.provider,
            recorder=self._runtime.recorder,
            database=self._runtime.database,
            stall_s=self._stall_s,
            heartbeat_s=self._heartbeat_s,
        )
        self._runtime.replies.add(reply)
        task = asyncio.create_task(reply.run(), name="reply")
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._runtime.replies.discard(reply))
        task.add_done_callback(self._tasks.discard)
        return reply


@functools.cache
def chat() -> Chat:
    """The chat of this process, built on first use."""
    return Chat(runtime())
