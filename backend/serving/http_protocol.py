"""uvicorn's HTTP protocol with limits of time.

uvicorn waits without end for the rest of a request. Measured: 1,100 connections with half a
handshake took all descriptors of a process, and the database could not be opened any more.
"""

import asyncio
import functools
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from backend.serving.connection_limits import ConnectionCounter
from backend.serving.error_response import error_response
from backend.serving.websocket_protocol import BoundedWebSocketProtocol

HEAD, BODY = "head", "body"


@dataclass(frozen=True, slots=True)
class RequestTimeouts:
    """In seconds: how long the head of a request may take, and its body.

    A body has no pause over `body_pause_s`; a dictated clip of 25 MB takes 200 s at 1 Mbit/s.
    """

    head_s: float = 10.0
    body_s: float = 300.0
    body_pause_s: float = 15.0


class BoundedHttpProtocol(H11Protocol):
    """A connection until it is closed, or upgraded to a WebSocket.

    The head of a request must be complete within `head_s`, of which the first begins with the
    connection; its body within `body_s`, with no pause over `body_pause_s`. `counter` has counted
    the connection under `counted_address` (`connection_acceptor`), and is told when it is lost.
    """

    counter: ClassVar[ConnectionCounter]
    head_s: ClassVar[float]
    body_s: ClassVar[float]
    body_pause_s: ClassVar[float]

    counted_address = ""
    _timer: asyncio.TimerHandle | None = None
    _timed_part = ""
    _body_ends_at_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._time(HEAD)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._time_the_rest()

    def on_response_complete(self) -> None:
        """Go on with the next request, of which a part may have come already (pipelining)."""
        super().on_response_complete()
        self._time_the_rest()

    def _time_the_rest(self) -> None:
        if part := self._part_to_come():
            self._time(part)
        else:
            self._stop_timer()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop_timer()
        super().handle_websocket_upgrade(event)
        upgraded = cast(BoundedWebSocketProtocol, self.transport.get_protocol())
        # No method of this object: with its parser and the request it has 5 KB, and is of no use
        # any more.
        upgraded.on_connection_lost = functools.partial(self.counter.close, self.counted_address)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self.counter.close(self.counted_address)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; uvicorn's answer is plain text."""
        self._answer_and_close(error_response(HTTPStatus.BAD_REQUEST, "malformed"))

    def _part_to_come(self) -> str:
        """Which part of a request the client has begun and not finished: HEAD, BODY or none."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return ""
        if self.conn.their_state is h11.SEND_BODY:
            return BODY
        return HEAD if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0] else ""

    def _time(self, part: str) -> None:
        """Start the timer of this part. A head's keeps running; each chunk restarts a body's."""
        now_s = self.loop.time()
        if self._timed_part != part:
            self._body_ends_at_s = now_s + self.body_s
        elif part == HEAD:
            return
        self._stop_timer()
        self._timed_part = part
        at_s = now_s + self.head_s
        if part == BODY:
            at_s = min(now_s + self.body_pause_s, self._body_ends_at_s)
        self._timer = self.loop.call_at(at_s, self._on_timeout)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timed_part = None, ""

    def _on_timeout(self) -> None:
        if self._timed_part == BODY and self.flow.read_paused:
            # The application has not read the last bytes: the client is not late.
            self._body_ends_at_s = self.loop.time() + self.body_s
            self._time(BODY)
            return
        self._answer_and_close(error_response(HTTPStatus.REQUEST_TIMEOUT, "malformed"))

    def _answer_and_close(self, response: bytes) -> None:
        """Close the connection; before, answer if the application has not begun to."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(response)
        self.transport.close()


def http_protocol(counter: ConnectionCounter, timeouts: RequestTimeouts) -> type[asyncio.Protocol]:
    """Return the protocol class for a server whose connections `counter` counts."""
    return type(
        "Protocol",
        (BoundedHttpProtocol,),
        {
            "counter": counter,
            "head_s": timeouts.head_s,
            "body_s": timeouts.body_s,
            "body_pause_s": timeouts.body_pause_s,
        },
    )
