"""Serves the HTTP control API, the REST API and the WebSocket on one port."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from websockets.asyncio.server import ServerConnection

from backend.simulator.engine.mishaps import error_body
from backend.simulator.server import control_api
from backend.simulator.server.http_messages import (
    HttpExchange,
    HttpRequest,
    content_length,
    parse_head,
    plain_path,
)

_MAX_HEAD_BYTES = 64 * 1024
_MAX_CONTROL_BODY_BYTES = 64 * 1024
_MAX_REST_BODY_BYTES = 26 * 1024 * 1024
"""A file of 25 MiB, which is the provider's limit, and the rest of its form."""
_CONTROL_PATH = "/simulator"
_REST_PATHS = (
    "/v1/responses",
    "/v1/audio/",
    "/v1/realtime/client_secrets",
    "/v1/realtime/calls",
)

RestHandler = Callable[[HttpRequest, HttpExchange], Coroutine[Any, Any, None]]


class HttpOrWebSocketConnection(ServerConnection):
    """A connection whose first line selects the protocol.

    `/simulator…` is the control API, `_REST_PATHS` are the REST API, all else is the WebSocket.
    `websockets` cannot do this itself: it accepts GET only and does not read a request's body.
    """

    def __init__(
        self, state: control_api.ControlState, serve_rest: RestHandler, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._state = state
        self._serve_rest = serve_rest
        self._held: bytearray | None = bytearray()
        self._request: HttpRequest | None = None
        self._body_start = self._body_length = 0
        self._rest_task: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        """Hold bytes until the first line is complete; then pass a WebSocket's bytes on."""
        if self._held is None:
            super().data_received(data)
            return
        if self._rest_task is not None or self.transport.is_closing():
            return
        self._held += data
        if self._request is None and not self._read_head(self._held):
            return
        if self._request is not None:
            self._read_body(self._request, self._held)

    def eof_received(self) -> None:
        """Close, as a WebSocket does; a client that has its whole request sent reads on no more."""
        if self._held is None:
            super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the answer of a client that is gone."""
        if self._rest_task is not None:
            self._rest_task.cancel()
        super().connection_lost(exc)

    def _read_head(self, held: bytearray) -> bool:
        """Read the head of an HTTP request; return True once it is complete."""
        line_end = held.find(b"\r\n")
        if line_end < 0 and len(held) < _MAX_HEAD_BYTES:
            return False
        words = bytes(held[: max(line_end, 0)]).split(b" ")
        path = words[1].decode("latin-1") if len(words) > 1 else ""
        if not plain_path(path).startswith((_CONTROL_PATH, *_REST_PATHS)):
            self._held = None
            super().data_received(bytes(held))
            return False
        head_end = held.find(b"\r\n\r\n")
        if (len(held) if head_end < 0 else head_end) > _MAX_HEAD_BYTES:
            self.transport.abort()
            return False
        if head_end < 0:
            return False
        head = bytes(held[:head_end])
        self._request = parse_head(head)
        self._body_start, self._body_length = head_end + 4, content_length(head)
        return self._accept_length(self._request)

    def _accept_length(self, request: HttpRequest) -> bool:
        """Refuse a body that is too large or of unknown length."""
        if request.path.startswith(_CONTROL_PATH):
            if self._body_length > _MAX_CONTROL_BODY_BYTES:
                self.transport.abort()
                return False
            return True
        if "transfer-encoding" in request.headers:
            self._refuse(411, "The simulator needs a Content-Length.")
            return False
        if self._body_length > _MAX_REST_BODY_BYTES:
            self._refuse(
                413,
                f"Maximum content size limit ({_MAX_REST_BODY_BYTES}) exceeded "
                f"({self._body_length} bytes)",
            )
            return False
        if request.headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _refuse(self, status: int, message: str) -> None:
        body = error_body("invalid_request_error", None, message).encode()
        HttpExchange(self.transport).respond(status, body)

    def _read_body(self, request: HttpRequest, held: bytearray) -> None:
        body_end = self._body_start + self._body_length
        if len(held) < body_end:
            return
        request = replace(request, body=bytes(held[self._body_start : body_end]))
        held.clear()
        exchange = HttpExchange(self.transport, self.drain)
        if request.path.startswith(_CONTROL_PATH):
            answer = control_api.handle(self._state, request.method, request.path, request.body)
            exchange.respond(answer.status, answer.body, answer.content_type)
        else:
            self._rest_task = asyncio.create_task(self._serve_rest(request, exchange))
