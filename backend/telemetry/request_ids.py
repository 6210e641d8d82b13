"""The id of the request that is being served, for the log lines about it.

A trusted proxy gives it (`backend.trusted_proxies`), so that its line and ours can be matched;
otherwise we make one. A context variable: tasks and threads that a request starts inherit it
(`telemetry.log_context`).
"""

import re
import uuid
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

HEADER = b"x-request-id"

_FORM = re.compile(r"[A-Za-z0-9_-]{1,64}")

_current: ContextVar[str | None] = ContextVar("request_id", default=None)

# `Any`: the servers and Channels each have their own types for the same dictionaries.
Application = Callable[[Any, Any, Any], Awaitable[None]]


def is_request_id(text: str) -> bool:
    """Return True for what may stand in a log line: up to 64 letters, digits, `_` and `-`."""
    return _FORM.fullmatch(text) is not None


def current_request_id() -> str | None:
    """Return the id of the present request; None outside of a request."""
    return _current.get()


def remember_request_id(request_id: str) -> None:
    """Use this id in the present context from now on."""
    _current.set(request_id)


def with_request_id(app: Application) -> Application:
    """Return an ASGI application whose requests all have an id.

    An HTTP response carries the one that we made, so that a person can name it when something went
    wrong. A proxy that gave its own puts it into the response itself.
    """

    async def identified(scope: Any, receive: Any, send: Any) -> None:
        if current_request_id() is not None:
            await app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        before = _current.set(request_id)

        async def send_with_id(event: Any) -> None:
            if event["type"] == "http.response.start":
                headers = [*event.get("headers", ()), (HEADER, request_id.encode())]
                event = {**event, "headers": headers}
            await send(event)

        try:
            # `send` of a WebSocket is not wrapped: that would cost a coroutine for each frame.
            await app(scope, receive, send_with_id if scope["type"] == "http" else send)
        finally:
            _current.reset(before)

    return identified
