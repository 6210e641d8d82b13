"""Each request has an id: the proxy's if it is safe to log, otherwise a new one."""

from typing import Any

import pytest

from backend.telemetry.log_context import REQUEST_ID
from backend.telemetry.request_id import request_id_of, with_request_id

GIVEN = "5f0c1a2b3d4e5f60718293a4b5c6d7e8"


def of(*values: bytes) -> str:
    return request_id_of([(b"host", b"x"), *((b"x-request-id", value) for value in values)])


@pytest.mark.parametrize("value", [GIVEN, "req.2026-11-27_0001", "a" * 64])
def test_a_safe_id_of_the_proxy_is_taken(value: str) -> None:
    assert of(value.encode()) == value


@pytest.mark.parametrize(
    "values",
    [
        (),
        (b"",),
        (b"short",),
        (b"a" * 65,),
        (b"with space in it",),
        (b"forged\nERROR line",),
        (b'quote"quote"',),
        ("日本語日本語".encode(),),
        (b"-leading-dash",),
        (GIVEN.encode(), GIVEN.encode()),
        (GIVEN.encode() + b"\n",),
    ],
)
def test_any_other_value_is_replaced(values: tuple[bytes, ...]) -> None:
    made = of(*values)
    assert len(made) == 32 and int(made, 16)
    assert made not in [value.decode() for value in values]


async def seen_by_app(scope: dict[str, Any]) -> tuple[str | None, list[Any]]:
    """The id while the application runs, and what it sent."""
    seen: list[str | None] = []
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        seen.append(REQUEST_ID.get())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    async def send(event: Any) -> None:
        sent.append(event)

    await with_request_id(app)(scope, None, send)
    return seen[0], sent


async def test_the_response_carries_the_id_and_the_context_ends_with_it() -> None:
    scope = {"type": "http", "headers": [(b"x-request-id", GIVEN.encode())]}
    seen, sent = await seen_by_app(scope)
    assert (seen, REQUEST_ID.get()) == (GIVEN, None)
    assert sent[0]["headers"] == [(b"a", b"b"), (b"x-request-id", GIVEN.encode())]
    assert sent[1] == {"type": "http.response.body", "body": b""}


async def test_a_scope_without_headers_gets_an_id() -> None:
    seen, _ = await seen_by_app({"type": "lifespan"})
    assert seen
