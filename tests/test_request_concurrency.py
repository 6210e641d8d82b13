"""Real requests to Django's handler, whose view waits until the test lets it go on."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path
from pytest_django.fixtures import Settings

from backend import request_concurrency
from backend.request_concurrency import AT_ONCE, ConcurrencyLimitedHandler
from tests.serving.equipment import wait_until

MANY = AT_ONCE + 2
SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "headers": [(b"host", b"testserver")],
    "query_string": b"",
}

begun: list[HttpRequest] = []
go_on = threading.Semaphore(0)


def waiting(request: HttpRequest) -> HttpResponse:
    begun.append(request)
    assert go_on.acquire(timeout=10)
    return HttpResponse("done")


urlpatterns = [path("", waiting)]


@pytest.fixture(autouse=True)
def _only_this_view(settings: Settings) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = ["backend.middleware.in_one_thread"]
    begun.clear()
    yield
    assert not go_on.acquire(blocking=False)


class Client:
    """One request, sent at once; `response` is the task in which it is answered."""

    def __init__(self, handler: ConcurrencyLimitedHandler) -> None:
        self._from_client: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_client.put_nowait({"type": "http.request", "body": b""})
        self.statuses: list[int] = []
        self.response = asyncio.create_task(handler(dict(SCOPE), self._from_client.get, self._send))

    def leave(self) -> None:
        self._from_client.put_nowait({"type": "http.disconnect"})

    async def _send(self, message: Mapping[str, Any]) -> None:
        if "status" in message:
            self.statuses.append(message["status"])


def has_begun(count: int) -> bool:
    return len(begun) == count


async def statuses_of(clients: list[Client]) -> list[int]:
    async with asyncio.timeout(10):
        await asyncio.gather(*(client.response for client in clients))
    return [status for client in clients for status in client.statuses]


async def test_a_few_requests_begin_and_the_next_one_when_one_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_concurrency, "SLOT_S", 60.0)
    handler = ConcurrencyLimitedHandler()
    clients = [Client(handler) for _ in range(MANY)]
    await wait_until(lambda: len(begun) == AT_ONCE, 5)
    for expected in range(AT_ONCE + 1, MANY + 1):
        go_on.release()
        await wait_until(partial(has_begun, expected), 5)
    go_on.release(AT_ONCE)
    assert await statuses_of(clients) == [200] * MANY


async def test_a_request_that_waits_makes_room_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_concurrency, "SLOT_S", 0.01)
    handler = ConcurrencyLimitedHandler()
    clients = [Client(handler) for _ in range(MANY)]
    await wait_until(lambda: len(begun) == MANY, 5)
    go_on.release(MANY)
    assert await statuses_of(clients) == [200] * MANY


async def test_a_client_that_leaves_while_it_waits_takes_no_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_concurrency, "SLOT_S", 60.0)
    handler = ConcurrencyLimitedHandler()
    clients = [Client(handler) for _ in range(MANY)]
    await wait_until(lambda: len(begun) == AT_ONCE, 5)
    clients[AT_ONCE].leave()
    await clients[AT_ONCE].response
    go_on.release(MANY - 1)
    assert await statuses_of(clients) == [200] * (MANY - 1)
    assert len(begun) == MANY - 1
