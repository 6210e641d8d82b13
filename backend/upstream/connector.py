"""Opens and holds one WebSocket to the provider; only this file here imports `websockets`.

The key goes to one host: no redirect is followed, no proxy is taken from the environment. What goes
wrong is raised as an UpstreamError with a code; the library's exception texts, which can quote
headers and bodies, end here (`from None`).
"""

import asyncio
import contextlib
import functools
import json
import logging
import random
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import websockets.asyncio.client as websockets_client
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
)

from backend import __version__
from backend.protocol.errors import (
    UpstreamCode,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.telemetry.logs import log_event
from backend.upstream import failures
from backend.upstream.target import Target

_logger = logging.getLogger(__name__)

_RETRIED_CODES = frozenset({"unreachable", "server_error", "name_unknown"})


@dataclass(frozen=True, slots=True)
class LineLimits:
    """The bounds of one connection.

    While nobody reads, our own keepalive fails after ping + pong; a client that is too slow is hung
    up on after 10 s, well before. A real event of 3.5 MB was seen, and the library's own limit of
    1 MiB would have closed the call with 1009.
    """

    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    close_timeout_s: float = 0.5
    frame_bytes: int = 16 * 1024 * 1024
    queue_frames: int = 8
    unsent_bytes: int = 64 * 1024


class ProviderSocket:
    """An open connection, past its `session.created`: `relay.ports.UpstreamConnection`."""

    def __init__(
        self, line: websockets_client.ClientConnection, created_text: str, close_timeout_s: float
    ) -> None:
        self.created_text = created_text
        self._line = line
        self._close_timeout_s = close_timeout_s
        self._closing: asyncio.Task[None] | None = None

    async def receive(self) -> str:
        """The next frame's text. Raises an UpstreamError: the provider is gone, or sent bytes."""
        try:
            text = await self._line.recv()
        except ConnectionClosed as closed:
            raise _ended(closed) from None
        if isinstance(text, str):
            return text
        raise UpstreamFailed("frame_binary")

    async def send(self, text: str) -> None:
        """Send one text frame; waits while the provider does not read. Raises an UpstreamError."""
        try:
            await self._line.send(text)
        except ConnectionClosed as closed:
            raise _ended(closed) from None
        except OSError:
            raise UpstreamFailed("connection_lost") from None

    async def close(self) -> None:
        """Close within half a second, by force if need be. Never raises, and is safe to call again.

        Cancelling the caller does not cancel the closing: the library would leave the socket open.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(_close(self._line, self._close_timeout_s))
        await asyncio.shield(self._closing)


async def connect(
    target: Target,
    *,
    open_timeout_s: float = 8.0,
    limits: LineLimits = LineLimits(),
    tls: ssl.SSLContext | None = None,
    chance: Callable[[], float] = random.random,
) -> ProviderSocket:
    """Open a line that the provider has answered with `session.created`, within `open_timeout_s`.

    An upgrade alone is no success: a wrong key has been seen to upgrade, then to fail. A provider
    that cannot be reached or answers 5xx is tried once more after 0.1 to 0.4 s (`chance`: 0 to 1).
    Raises UpstreamRefused, UpstreamUnavailable, UpstreamTimeout or UpstreamFailed.
    """
    try:
        if not target.api_key:
            raise UpstreamRefused("api_key_missing")
        async with asyncio.timeout(open_timeout_s):
            try:
                return await _open(target, limits, tls)
            except UpstreamUnavailable as first:
                if first.code not in _RETRIED_CODES or first.retry_after_s is not None:
                    raise
            await asyncio.sleep(0.1 + 0.3 * chance())
            return await _open(target, limits, tls)
    except TimeoutError:
        error: UpstreamError = UpstreamTimeout("timed_out")
    except UpstreamError as refused:
        error = refused
    log_event(
        _logger,
        logging.WARNING,
        "upstream.refused",
        code=error.code,
        ending=error.ending,
        status=error.status,
        retry_after_s=error.retry_after_s,
    )
    raise error from None


class _Dial(websockets_client.connect):
    """The library's dialling without its redirects: it would carry our headers to another host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _open(target: Target, limits: LineLimits, tls: ssl.SSLContext | None) -> ProviderSocket:
    line = await _upgrade(target, limits, tls)
    try:
        created_text = await _created(line)
    except BaseException:
        # Includes the time-out: nothing is owed to a provider that has not accepted the call.
        line.transport.abort()
        raise
    return ProviderSocket(line, created_text, limits.close_timeout_s)


async def _upgrade(
    target: Target, limits: LineLimits, tls: ssl.SSLContext | None
) -> websockets_client.ClientConnection:
    secure: dict[str, Any] = {}
    if target.websocket_url.startswith("wss:"):
        secure["ssl"] = tls or _default_tls()
    try:
        return await _Dial(
            target.websocket_url,
            additional_headers=target.headers,
            user_agent_header=f"kaiwa/{__version__}",
            proxy=target.proxy or None,
            compression=None,
            open_timeout=None,
            ping_interval=limits.ping_interval_s,
            ping_timeout=limits.ping_timeout_s,
            close_timeout=limits.close_timeout_s,
            max_size=limits.frame_bytes,
            max_queue=limits.queue_frames,
            write_limit=limits.unsent_bytes,
            **secure,
        )
    except (InvalidHandshake, InvalidProxy, OSError, EOFError) as failure:
        raise _refused(failure) from None


_FAILURES: tuple[tuple[type[Exception], type[UpstreamError], UpstreamCode], ...] = (
    (ProxyError, UpstreamUnavailable, "proxy_failed"),
    (InvalidProxy, UpstreamUnavailable, "proxy_failed"),
    (InvalidHandshake, UpstreamFailed, "handshake_broken"),
    (ssl.SSLError, UpstreamUnavailable, "tls_failed"),
    (socket.gaierror, UpstreamUnavailable, "name_unknown"),
    # ETIMEDOUT of the kernel included; our own budget arrives here as a cancellation.
    (OSError, UpstreamUnavailable, "unreachable"),
    (EOFError, UpstreamUnavailable, "unreachable"),
)
"""What stopped the upgrade, the narrower before the wider."""


def _refused(failure: Exception) -> UpstreamError:
    if isinstance(failure, InvalidStatus):
        response = failure.response
        return failures.of_status(
            response.status_code, response.headers.get("Retry-After"), bytes(response.body)
        )
    # No answer at all is a provider that is down; a wrong answer is one that is not a provider.
    if isinstance(failure, InvalidMessage) and isinstance(failure.__cause__, EOFError):
        failure = failure.__cause__
    return next(kind(code) for types, kind, code in _FAILURES if isinstance(failure, types))


async def _created(line: websockets_client.ClientConnection) -> str:
    """The text of `session.created`; only `conversation.created` may come before it."""
    while True:
        try:
            text = await line.recv()
        except ConnectionClosed as closed:
            raise _ended(closed) from None
        if not isinstance(text, str):
            raise UpstreamFailed("frame_binary")
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            raise UpstreamFailed("first_event_unexpected") from None
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "session.created":
            return text
        if kind == "error":
            raise failures.of_error_event(event.get("error"))
        if kind != "conversation.created":
            raise UpstreamFailed("first_event_unexpected")


def _ended(closed: ConnectionClosed) -> UpstreamError:
    """Why it ended, for every code: those that the library calls fine (1000, 1001, 1005) too."""
    theirs, ours = closed.rcvd, closed.sent
    if theirs is not None and (ours is None or closed.rcvd_then_sent):
        return failures.of_close(int(theirs.code), theirs.reason)
    if ours is not None:
        return failures.of_close(int(ours.code), "", was_ours=True)
    return failures.of_close(1006, "")


async def _close(line: websockets_client.ClientConnection, timeout_s: float) -> None:
    try:
        # Whatever a dying socket raises here changes nothing: the abort below ends it.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(timeout_s):
                await line.close()
    finally:
        line.transport.abort()


@functools.cache
def _default_tls() -> ssl.SSLContext:
    """The system's trust, loaded once: loading it for each call would hold the event loop."""
    return ssl.create_default_context()
