"""The circuit; counting in a window on a real Redis; the cache with and without Redis."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings

from backend.redis_client import (
    PAUSE_S,
    SOCKET_TIMEOUT_S,
    Circuit,
    RedisAway,
    SharedRedis,
    count_in_window,
    redis_at,
    shared_redis,
)
from tests.redis import RedisServer

REQUESTS, LIMIT = 40, 10


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_after_a_failure_one_caller_tries_per_pause() -> None:
    clock = Clock()
    circuit = Circuit(5, clock)
    assert circuit.begin_attempt()
    assert circuit.record(is_success=False), "it opens"
    assert circuit.is_open
    assert not circuit.begin_attempt()
    clock.now_s += 5
    assert [circuit.begin_attempt() for _ in range(3)] == [True, False, False]
    assert not circuit.record(is_success=False), "it was open already"
    clock.now_s += 5
    assert circuit.begin_attempt()
    assert circuit.record(is_success=True), "it closes"
    assert not circuit.record(is_success=True), "it was closed already"
    assert [circuit.begin_attempt() for _ in range(3)] == [True] * 3


def test_one_attempt_takes_less_than_a_second() -> None:
    assert 2 * SOCKET_TIMEOUT_S < 1 < PAUSE_S


def test_without_the_setting_there_is_no_redis(settings: Settings) -> None:
    settings.REDIS_URL = ""
    assert shared_redis() is None


def test_a_process_has_one_pool_for_a_url(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert shared_redis() is shared_redis()


@pytest.fixture
def shared(redis_server: RedisServer) -> Iterator[SharedRedis]:
    shared = SharedRedis(redis_server.url)
    yield shared
    shared.close()


@pytest.mark.slow
def test_of_many_concurrent_requests_the_limit_passes(
    redis_server: RedisServer, shared: SharedRedis
) -> None:
    # Two pools, as two processes have.
    replicas = [shared, redis_at(redis_server.url)]
    count = partial(count_in_window, key="logins", limit=LIMIT, window_s=60)
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda number: replicas[number % 2].run(count), range(REQUESTS)))
    assert waits.count(None) == LIMIT
    assert all(wait is None or 50 < wait <= 60 for wait in waits)


@pytest.mark.slow
def test_refused_requests_do_not_count_and_the_window_slides(shared: SharedRedis) -> None:
    count = partial(count_in_window, key="logins", limit=1, window_s=0.05)
    assert shared.run(count) is None
    wait_s = shared.run(count)
    while wait_s is not None:
        assert 0 < wait_s <= 0.05
        wait_s = shared.run(count)
    assert shared.run(partial(count_in_window, key="others", limit=1, window_s=60)) is None


@pytest.mark.slow
def test_a_hung_redis_costs_one_attempt_and_not_all(
    redis_server: RedisServer, shared: SharedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    shared.circuit = Circuit(now=clock)
    caplog.set_level("INFO")
    assert shared.run(lambda client: client.ping())
    redis_server.pause()
    began_s = time.monotonic()
    for _ in range(50):
        with pytest.raises(RedisAway):
            shared.run(lambda client: client.ping())
    assert time.monotonic() - began_s < 1
    redis_server.resume()
    clock.now_s += PAUSE_S
    assert shared.run(lambda client: client.ping())
    assert [record.message for record in caplog.records] == ["redis.away", "redis.back"]


@pytest.mark.slow
def test_a_restarted_redis_is_used_without_a_failure(
    redis_server: RedisServer, shared: SharedRedis
) -> None:
    assert shared.run(lambda client: client.ping())
    redis_server.kill()
    redis_server.start()
    assert shared.run(lambda client: client.ping())


@pytest.mark.slow
def test_the_cache_is_shared_and_works_without_redis(
    redis_server: RedisServer, shared: SharedRedis, settings: Settings
) -> None:
    settings.CACHES = settings.CACHES | {
        "default": {
            "BACKEND": "backend.redis_client.SharedCache",
            "LOCATION": redis_server.url,
        }
    }
    cache = caches["default"]
    cache.set("name", ["value"], 60)
    assert cache.get("name") == ["value"]
    assert shared.run(lambda client: client.keys()) == [b":1:name"]
    redis_server.kill()
    assert cache.get("name", "missing") == "missing"
    assert cache.add("count", 1)
    assert (cache.incr("count"), cache.get_many(["count"])) == (2, {"count": 2})
    cache.clear()
    assert not cache.has_key("count")  # noqa: W601 - the cache's method
