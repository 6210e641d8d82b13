"""The listener on a real Redis that is killed, paused and started again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from backend.redis_channel import BACKOFF_S, ChannelListener
from tests.redis import RedisServer

pytestmark = pytest.mark.slow


class Heard:
    """A running listener, and what it passed on."""

    def __init__(self, url: str) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.subscribed: asyncio.Queue[None] = asyncio.Queue()
        self.pauses_s: list[float] = []
        self.listener = ChannelListener(
            url,
            "a.channel",
            on_subscribed=lambda: self.subscribed.put_nowait(None),
            on_message=self.messages.put_nowait,
            ping_every_s=0.1,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        await asyncio.sleep(min(seconds, 0.02))


@pytest.fixture
async def heard(redis_server: RedisServer) -> AsyncIterator[Heard]:
    heard = Heard(redis_server.url)
    task = asyncio.create_task(heard.listener.run())
    async with asyncio.timeout(10):
        await heard.subscribed.get()
        yield heard
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def publish(server: RedisServer, text: str) -> int:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        return int(await client.publish("a.channel", text))


async def test_messages_are_passed_on(heard: Heard, redis_server: RedisServer) -> None:
    assert await publish(redis_server, "first") == 1
    assert await heard.messages.get() == b"first"


async def test_it_subscribes_again_after_a_restart(
    heard: Heard, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    redis_server.kill()
    while len(heard.pauses_s) < 3:  # noqa: ASYNC110 - the listener's task brings it about
        await asyncio.sleep(0.01)
    assert heard.subscribed.empty()
    redis_server.start()
    await heard.subscribed.get()
    await publish(redis_server, "second")
    assert await heard.messages.get() == b"second"
    assert max(heard.pauses_s) <= 1.5 * BACKOFF_S[-1]
    assert [record.message for record in caplog.records] == ["control.away", "control.back"]


async def test_a_hung_redis_is_noticed_and_used_again(
    heard: Heard, redis_server: RedisServer
) -> None:
    redis_server.pause()
    while not heard.pauses_s:  # noqa: ASYNC110 - the listener's task brings it about
        await asyncio.sleep(0.01)
    redis_server.resume()
    await heard.subscribed.get()
    await publish(redis_server, "third")
    assert await heard.messages.get() == b"third"


async def test_a_quiet_channel_is_not_taken_for_a_hung_redis(
    heard: Heard, redis_server: RedisServer
) -> None:
    async with redis.asyncio.Redis.from_url(redis_server.url) as client:
        pings = 0
        while pings < 3:
            pings = (await client.info("commandstats")).get("cmdstat_ping", {}).get("calls", 0)
    assert heard.pauses_s == []


class DeafPubSub:
    """Loses a cancellation, as redis-py does if it comes when its own timeout ends."""

    def __init__(self) -> None:
        self.is_reading = asyncio.Event()

    async def get_message(self, **_: float) -> None:
        self.is_reading.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def ping(self) -> None:
        return None


async def test_a_cancellation_that_redis_py_loses_ends_the_task() -> None:
    listener = ChannelListener(
        "redis://127.0.0.1:1", "a", on_subscribed=lambda: None, on_message=lambda _: None
    )
    pubsub: Any = DeafPubSub()
    task = asyncio.create_task(listener._pass_on(pubsub))
    await pubsub.is_reading.wait()
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait((task,))
    assert task.cancelled()
