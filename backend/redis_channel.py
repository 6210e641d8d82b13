"""Listens to one Redis channel for as long as the process runs, whatever happens to Redis.

Not a Channels layer: `channels_redis.pubsub` reconnects without saying so, and what was published
meanwhile is lost (channels_redis#256); its other layer, `core`, ends a WebSocket within 0.2 s of
Redis' death. Here the connection is one task beside the calls, and `on_subscribed` is called after
each connection, so that the listener can read in the database what it has missed.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from backend.telemetry.logs import log_event

CONNECT_S = 2.0
"""How long connecting, and again subscribing, may take."""
PING_EVERY_S = 2.0
"""After this time without a message a ping is sent. A Redis that does not answer it in the same
time is hung: the connection is made anew."""
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)

_logger = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class ChannelListener:
    """Passes on the messages of one channel. `run` is one task; it ends only when cancelled.

    `on_subscribed` and `on_message` are called on the event loop and must return at once. A message
    that is published while Redis or the connection is away is lost.
    """

    def __init__(
        self,
        url: str,
        channel: str,
        *,
        on_subscribed: Callable[[], None],
        on_message: Callable[[bytes], None],
        ping_every_s: float = PING_EVERY_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._url = url
        self._channel = channel
        self._on_subscribed = on_subscribed
        self._on_message = on_message
        self._ping_every_s = ping_every_s
        self._sleep = sleep
        self._failures = 0

    async def run(self) -> None:
        """Listen; connect again, with backoff, whenever the connection is lost."""
        while True:
            try:
                async with self._subscribed() as pubsub:
                    await self._pass_on(pubsub)
            except (redis.RedisError, OSError) as error:
                if self._failures == 0:
                    log_event(_logger, logging.WARNING, "control.away", error=type(error).__name__)
                self._failures += 1
            pause_s = BACKOFF_S[min(self._failures, len(BACKOFF_S)) - 1]
            # Replicas that lost the same Redis do not all come back at the same moment.
            await self._sleep(pause_s * random.uniform(0.5, 1.5))

    @contextlib.asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[PubSub]:
        """A subscribed connection. Raises a RedisError or an OSError."""
        client = redis.asyncio.Redis.from_url(
            self._url,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=CONNECT_S,
            # This class retries, so that it knows when messages may have been lost.
            retry=Retry(NoBackoff(), 0),
        )
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe(self._channel)
            if await pubsub.get_message(timeout=CONNECT_S) is None:
                raise redis.TimeoutError
            if self._failures:
                log_event(_logger, logging.INFO, "control.back")
            self._failures = 0
            self._on_subscribed()
            yield pubsub

    async def _pass_on(self, pubsub: PubSub) -> None:
        """Read messages until the connection is lost. Raises a RedisError or an OSError."""
        is_pinged = False
        while True:
            _raise_if_cancelled()
            message = await pubsub.get_message(timeout=self._ping_every_s)
            if message is None and is_pinged:
                raise redis.TimeoutError
            if message is None:
                await pubsub.ping()
            elif message["type"] == "message":
                self._on_message(message["data"])
            is_pinged = message is None


def _raise_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled.

    redis-py loses a cancellation that comes in the same moment as the end of its own timeout (8.1.0
    on Python 3.11): `get_message` returns None, and the task would go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
