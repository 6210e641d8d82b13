"""The id of the request that is being served."""

import asyncio
from typing import Any

import pytest

from backend.telemetry.request_ids import (
    current_request_id,
    is_request_id,
    remember_request_id,
    with_request_id,
)


@pytest.mark.parametrize("text", ["a", "0f3c" * 8, "req_1-A", "x" * 64])
def test_an_id_is_letters_digits_and_two_signs(text: str) -> None:
    assert is_request_id(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a\n", 'a"', "a,b", "あ", "a=b"])
def test_nothing_else_may_stand_in_a_log_line(text: str) -> None:
    assert not is_request_id(text)


async def test_an_id_is_inherited_by_tasks_and_not_seen_by_others() -> None:
    async def request(request_id: str) -> tuple[str | None, str | None, str | None]:
        remember_request_id(request_id)
        await asyncio.sleep(0)
        child = await asyncio.create_task(read())
        thread = await asyncio.to_thread(current_request_id)
        return current_request_id(), child, thread

    async def read() -> str | None:
        return current_request_id()

    first, second = await asyncio.gather(request("one"), request("two"))
    assert first == ("one",) * 3
    assert second == ("two",) * 3
    assert current_request_id() is None


async def served(given: str | None) -> tuple[str | None, list[Any]]:
    """The id while the application runs, and what it sent; `given` is the proxy's id."""
    seen: list[str | None] = []
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        seen.append(current_request_id())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    async def send(event: Any) -> None:
        sent.append(event)

    async def request() -> None:
        if given is not None:
            remember_request_id(given)
        await with_request_id(app)({"type": "http"}, None, send)
        assert current_request_id() == given

    await asyncio.create_task(request())
    return seen[0], sent


async def test_a_request_without_an_id_gets_one_and_its_response_carries_it() -> None:
    seen, sent = await served(None)
    assert seen is not None and len(seen) == 32 and is_request_id(seen)
    assert sent[0]["headers"] == [(b"a", b"b"), (b"x-request-id", seen.encode())]
    assert sent[1] == {"type": "http.response.body", "body": b""}


async def test_the_send_of_a_websocket_is_not_wrapped() -> None:
    async def app(_scope: Any, _receive: Any, given: Any) -> None:
        assert current_request_id() is not None
        assert given is send

    async def send(_event: Any) -> None:
        raise AssertionError

    await with_request_id(app)({"type": "websocket"}, None, send)


async def test_a_proxys_id_stays_and_the_proxy_puts_it_into_the_response() -> None:
    seen, sent = await served("of-the-proxy")
    assert (seen, sent[0]["headers"]) == ("of-the-proxy", [(b"a", b"b")])
