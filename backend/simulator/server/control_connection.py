"""Serves the HTTP control API and the WebSocket on one port."""

import http.client
from typing import Any

from websockets.asyncio.server import ServerConnection

from backend.simulator.server import control_api

_MAX_REQUEST_BYTES = 64 * 1024


class ControlOrWebSocketConnection(ServerConnection):
    """A connection whose first line selects the protocol: `/simulator…` is the control API.

    `websockets` cannot do this itself: it accepts GET only and does not read a request's body.
    """

    def __init__(self, state: control_api.ControlState, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._state = state
        self._held: bytearray | None = bytearray()

    def data_received(self, data: bytes) -> None:
        """Hold bytes until the first line is complete; then pass a WebSocket's bytes on."""
        if self._held is None:
            super().data_received(data)
            return
        self._held += data
        line, found, _ = bytes(self._held).partition(b"\r\n")
        if not found and len(self._held) < _MAX_REQUEST_BYTES:
            return
        words = line.split(b" ")
        if len(words) > 1 and words[1].startswith(b"/simulator"):
            self._answer_control_request(words[0].decode("latin-1"), words[1].decode("latin-1"))
            return
        held, self._held = bytes(self._held), None
        super().data_received(held)

    def _answer_control_request(self, method: str, path: str) -> None:
        head, found, body = bytes(self._held or b"").partition(b"\r\n\r\n")
        length = content_length(head)
        if length > _MAX_REQUEST_BYTES or len(head) > _MAX_REQUEST_BYTES:
            self.transport.abort()
            return
        if not found or len(body) < length:
            return
        answer = control_api.handle(self._state, method, path, body[:length])
        phrase = http.client.responses[answer.status]
        self.transport.write(
            f"HTTP/1.1 {answer.status} {phrase}\r\nContent-Type: {answer.content_type}\r\n"
            f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n".encode()
            + answer.body
        )
        self.transport.close()


def content_length(head: bytes) -> int:
    """The request's Content-Length; 0 if it is absent or no number.

    A number of more than nine digits is too large, whatever it is: Python's `int` refuses more than
    4,300 digits.
    """
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            digits = value.strip(b" \t")
            if not digits.isdigit():
                return 0
            return int(digits) if len(digits) <= 9 else 10**9
    return 0
