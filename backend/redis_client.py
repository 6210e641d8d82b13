"""Redis, shared by all processes: one connection pool per process, rate limits and Django's cache.

Redis is optional (`REDIS_URL`) and holds nothing that must survive: counts of rate limits, cached
values and control messages (`conversations.control`). So a Redis that is away, hung or full is
never an error for a user: each use has an answer without it. The time limits bound one attempt
below a second, and after a failure the circuit stops further attempts for `PAUSE_S`, so that one
request pays and not all of them.
"""

import functools
import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.telemetry.logs import log_event

SOCKET_TIMEOUT_S = 0.4
"""For connecting, and again for each answer. Two of them pass before a hung Redis is noticed."""
PAUSE_S = 5.0
"""How long Redis is not tried after a failure."""
PROCESS_CACHE = "process"
"""The alias of the cache in this process's memory, used while Redis is away."""

_logger = logging.getLogger(__name__)

T = TypeVar("T")


class RedisAway(Exception):
    """Redis did not answer, or could not do what was asked."""


class Circuit:
    """Decides whether Redis is tried. Thread-safe. `now` returns seconds on a steady clock."""

    def __init__(self, pause_s: float = PAUSE_S, now: Callable[[], float] = time.monotonic) -> None:
        self._pause_s = pause_s
        self._now = now
        self._lock = threading.Lock()
        self._retry_at_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last attempt failed."""
        return self._retry_at_s is not None

    def begin_attempt(self) -> bool:
        """Return whether the caller may try. After a pause one caller may; it starts the next."""
        with self._lock:
            if self._retry_at_s is None:
                return True
            if self._now() < self._retry_at_s:
                return False
            self._retry_at_s = self._now() + self._pause_s
            return True

    def record(self, *, is_success: bool) -> bool:
        """Record how an attempt ended. Returns True if the circuit has opened or closed by it."""
        with self._lock:
            was_open = self._retry_at_s is not None
            self._retry_at_s = None if is_success else self._now() + self._pause_s
            return was_open is is_success


class SharedRedis:
    """The process's connection pool to one Redis. Thread-safe."""

    def __init__(self, url: str) -> None:
        self.circuit = Circuit()
        self.pool = redis.ConnectionPool.from_url(
            url,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
            socket_timeout=SOCKET_TIMEOUT_S,
            # Otherwise redis-py retries three times, with growing pauses.
            retry=Retry(NoBackoff(), 0),
        )
        self._client = redis.Redis(connection_pool=self.pool)

    def close(self) -> None:
        """Close the pool's connections. The next use opens new ones."""
        self.pool.disconnect()

    def run(self, work: Callable[[redis.Redis], T]) -> T:
        """Return what `work` returns. Raises RedisAway, at once while the circuit is open."""
        if not self.circuit.begin_attempt():
            raise RedisAway
        try:
            answer = work(self._client)
        except (redis.RedisError, OSError) as error:
            if self.circuit.record(is_success=False):
                log_event(_logger, logging.WARNING, "redis.away", error=type(error).__name__)
            raise RedisAway from error
        self.mark_alive()
        return answer

    def mark_alive(self) -> None:
        """Close the circuit: Redis has answered, on this pool or elsewhere."""
        if self.circuit.record(is_success=True):
            log_event(_logger, logging.INFO, "redis.back")


def shared_redis() -> SharedRedis | None:
    """Return the Redis of `REDIS_URL`; None without that setting."""
    return redis_at(settings.REDIS_URL) if settings.REDIS_URL else None


@functools.cache
def redis_at(url: str) -> SharedRedis:
    """Return the process's pool to this Redis."""
    return SharedRedis(url)


# One script is one atomic step: of any number of concurrent requests, no more than the limit pass.
# The clock is Redis's own, so that replicas with different clocks agree.
_COUNT_IN_WINDOW = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms - window_ms)
if redis.call('ZCARD', KEYS[1]) < limit then
  redis.call('ZADD', KEYS[1], now_ms, ARGV[3])
  redis.call('PEXPIRE', KEYS[1], window_ms)
  return -1
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return tonumber(oldest[2]) + window_ms - now_ms
"""


def count_in_window(client: redis.Redis, key: str, limit: int, window_s: float) -> float | None:
    """Count one request under `key`, unless `limit` were counted within `window_s` seconds.

    Returns None if it was counted, or else the seconds until the next one can be. As in REST
    framework's own throttles, the window slides and refused requests do not count.
    """
    window_ms = int(window_s * 1000)
    script: Any = client.eval(
        _COUNT_IN_WINDOW, 1, f"kaiwa:{key}", limit, window_ms, secrets.token_hex(8)
    )
    wait_ms = int(script)
    return None if wait_ms < 0 else wait_ms / 1000


class SharedCache(RedisCache):
    """Django's Redis cache on the shared pool. While Redis is away it is the process's own cache.

    Django keeps a cache object per thread and request; with its own pools each would connect anew.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _GuardedClient


class _GuardedClient:
    """What `RedisCache` calls: a client whose methods use the process's cache without Redis.

    The methods of `RedisCacheClient` are named as those of a cache, with the same arguments.
    """

    def __init__(self, servers: list[str], **options: Any) -> None:
        self._redis = redis_at(servers[0])
        self._client = _SharedPoolClient(servers, **options)
        self._client.pool = self._redis.pool

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return functools.partial(self._call, name)

    def _call(self, name: str, *args: Any) -> Any:
        try:
            return self._redis.run(lambda _: getattr(self._client, name)(*args))
        except RedisAway:
            return getattr(caches[PROCESS_CACHE], name)(*args)


class _SharedPoolClient(RedisCacheClient):
    """Django's client, on the process's pool instead of one of its own."""

    pool: redis.ConnectionPool

    def _get_connection_pool(self, write: bool) -> redis.ConnectionPool:
        return self.pool
