"""Gives each HTTP request and each WebSocket an id for the log.

A proxy may send the id as `X-Request-ID`, so that its own log line and ours can be matched. The
value is a stranger's, so only a short one of harmless characters is taken; otherwise we make one.
"""

import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from backend.telemetry.log_context import REQUEST_ID

HEADER = b"x-request-id"

_SAFE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
"""Eight characters or more: a shorter one would not find one request among a day's."""

Send = Callable[[Any], Awaitable[None]]
# `Any`: the servers and Channels each have their own types for the same dictionaries.
Application = Callable[[Any, Any, Any], Awaitable[None]]


def with_request_id(app: Application) -> Application:
    """Return an ASGI application whose log lines carry the request's id.

    An HTTP response carries it too, so that a person can name it when something went wrong.
    """

    async def identified(scope: dict[str, Any], receive: Any, send: Send) -> None:
        request_id = request_id_of(scope.get("headers", ()))
        token = REQUEST_ID.set(request_id)
        try:
            await app(scope, receive, _adding_header(send, request_id.encode()))
        finally:
            REQUEST_ID.reset(token)

    return identified


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the proxy's id if there is exactly one and it is safe to log; otherwise a new one."""
    given = [value for name, value in headers if name == HEADER]
    if len(given) == 1 and _SAFE.fullmatch(given[0]):
        return given[0].decode()
    return uuid.uuid4().hex


def _adding_header(send: Send, request_id: bytes) -> Send:
    async def send_with_header(event: Mapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event.get("headers", ()), (HEADER, request_id)]}
        await send(event)

    return send_with_header
