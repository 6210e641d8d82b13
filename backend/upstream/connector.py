"""Opens and holds one WebSocket to the provider; with `text_connection` the only
importer of `websockets` on our side.

Knows no provider by name: what differs between them comes from `upstream.providers.Provider`. The
key goes to one host: no redirect is followed, no proxy is taken from the environment. Every failure
is raised as an UpstreamError with a code; the library's own messages, which can quote headers and
bodies, end here (`from None`).
"""

import asyncio
import contextlib
import functools
import json
import logging
import os
import random
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import websockets.asyncio.client as websockets_client
from websockets import CloseCode
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
from backend.protocol.reading import mapping_at
from backend.telemetry.logs import log_event
from backend.upstream.providers.interface import Provider
from backend.upstream.target import Target
from backend.upstream.text_connection import TextConnection

_logger = logging.getLogger(__name__)

_ERRNO = re.compile(r"\[Errno (\d+)\]")
_RETRIED_CODES = frozenset({"unreachable", "server_error", "name_unknown"})


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The bounds of one connection.

    While nothing reads from the socket, our own keepalive fails after the ping interval and
    timeout; the call of a client that is too slow ends after 10 s, well before. A real event of
    3.5 MB was seen, and the library's own limit of 1 MiB would have closed the call with 1009.

    `receive_buffer_bytes` is the kernel's, which doubles it. By itself it grows to 6 MB and more
    (26 MB were seen), which are taken from the provider for a client that does not read. This much
    is on its way at 850 KB/s and 150 ms, where speech takes 64 KB/s.
    """

    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    close_timeout_s: float = 0.5
    frame_bytes: int = 16 * 1024 * 1024
    queue_frames: int = 4
    receive_buffer_bytes: int = 128 * 1024
    unsent_bytes: int = 64 * 1024


class ProviderSocket:
    """A connection that the provider has accepted: `relay.ports.UpstreamConnection`."""

    def __init__(
        self,
        provider: Provider,
        connection: TextConnection,
        created_text: str,
        close_timeout_s: float,
    ) -> None:
        self.created_text = created_text
        self.direct = connection
        self._provider = provider
        self._connection = connection
        self._close_timeout_s = close_timeout_s
        self._closing: asyncio.Task[None] | None = None

    async def receive(self) -> str:
        """The next frame's text. Raises an UpstreamError if the provider is gone or sent bytes."""
        try:
            text = await self._connection.recv()
        except ConnectionClosed as closed:
            raise _error_of(self._provider, closed) from None
        if isinstance(text, str):
            return text
        raise UpstreamFailed("frame_binary")

    async def send(self, text: str) -> None:
        """Send one text frame; waits while the provider does not read. Raises an UpstreamError."""
        try:
            await self._connection.send_text(text)
        except ConnectionClosed as closed:
            raise _error_of(self._provider, closed) from None
        except OSError:
            raise UpstreamFailed("connection_lost") from None

    async def close(self) -> None:
        """Close within half a second, by force if need be. Never raises; safe to call again.

        Cancelling the caller does not cancel the close: the library would leave the socket open.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(_close(self._connection, self._close_timeout_s))
        await asyncio.shield(self._closing)


async def connect(
    provider: Provider,
    target: Target,
    *,
    open_timeout_s: float = 8.0,
    limits: ConnectionLimits = ConnectionLimits(),
    tls: ssl.SSLContext | None = None,
    chance: Callable[[], float] = random.random,
) -> ProviderSocket:
    """Open a connection and wait until the provider has accepted it, within `open_timeout_s`.

    A provider that cannot be reached or answers 5xx is tried once more after 0.1 to 0.4 s (`chance`
    returns 0 to 1). Raises UpstreamRefused, UpstreamUnavailable, UpstreamTimeout or UpstreamFailed.
    """
    try:
        if not target.api_key:
            raise UpstreamRefused("api_key_missing")
        async with asyncio.timeout(open_timeout_s):
            try:
                return await _open(provider, target, limits, tls)
            except UpstreamUnavailable as first:
                if first.code not in _RETRIED_CODES or first.retry_after_s is not None:
                    raise
            await asyncio.sleep(0.1 + 0.3 * chance())
            return await _open(provider, target, limits, tls)
    except TimeoutError:
        error: UpstreamError = UpstreamTimeout("timed_out")
    except UpstreamError as refused:
        error = refused
    host, port = target.connects_to
    log_event(
        _logger,
        logging.WARNING,
        "upstream.refused",
        code=error.code,
        ending=error.ending,
        host=host,
        port=port,
        error=error.reason,
        status=error.status,
        retry_after_s=error.retry_after_s,
    )
    raise error from None


class _ConnectWithoutRedirects(websockets_client.connect):
    """The library's connect; following a redirect would carry our headers to another host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _open(
    provider: Provider, target: Target, limits: ConnectionLimits, tls: ssl.SSLContext | None
) -> ProviderSocket:
    connection = await _upgrade(provider, target, limits, tls)
    try:
        created_text = await _accepted(provider, connection)
    except BaseException:
        # Includes the time-out. A provider that has not accepted the call needs no close handshake.
        connection.transport.abort()
        raise
    return ProviderSocket(provider, connection, created_text, limits.close_timeout_s)


async def _upgrade(
    provider: Provider, target: Target, limits: ConnectionLimits, tls: ssl.SSLContext | None
) -> TextConnection:
    url = provider.websocket_url(target)
    secure: dict[str, Any] = {}
    if url.startswith("wss:"):
        secure["ssl"] = tls or _default_tls()
    try:
        opened = await _ConnectWithoutRedirects(
            url,
            additional_headers=provider.headers(target),
            user_agent_header=f"kaiwa/{__version__}",
            proxy=target.proxy or None,
            compression=None,
            open_timeout=None,
            ping_interval=limits.ping_interval_s,
            ping_timeout=limits.ping_timeout_s,
            close_timeout=limits.close_timeout_s,
            max_size=limits.frame_bytes,
            max_queue=limits.queue_frames,
            create_connection=TextConnection,
            write_limit=limits.unsent_bytes,
            **secure,
        )
    except InvalidStatus as refusal:
        response = refusal.response
        raise provider.error_of_status(
            response.status_code, response.headers.get("Retry-After"), bytes(response.body)
        ) from None
    except (InvalidHandshake, InvalidProxy, OSError, EOFError) as failure:
        raise _error_of_failure(failure) from None
    # Read once. They have 3 KB a call, and the key is among them.
    for message in (opened.request, opened.response):
        if message is not None:
            message.headers.clear()
    raw = opened.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.receive_buffer_bytes)
    return cast(TextConnection, opened)


_FAILURES: tuple[tuple[type[Exception], type[UpstreamError], UpstreamCode], ...] = (
    (ProxyError, UpstreamUnavailable, "proxy_failed"),
    (InvalidProxy, UpstreamUnavailable, "proxy_failed"),
    (InvalidHandshake, UpstreamFailed, "handshake_broken"),
    (ssl.SSLError, UpstreamUnavailable, "tls_failed"),
    (socket.gaierror, UpstreamUnavailable, "name_unknown"),
    # The kernel's ETIMEDOUT included; our own time-out arrives here as a cancellation.
    (OSError, UpstreamUnavailable, "unreachable"),
    (EOFError, UpstreamUnavailable, "unreachable"),
)
"""What stopped the upgrade without an HTTP answer; subclasses before their base classes."""


def _error_of_failure(failure: Exception) -> UpstreamError:
    # No answer at all: the provider is down. A malformed answer: this is not the provider.
    if isinstance(failure, InvalidMessage) and isinstance(failure.__cause__, EOFError):
        failure = failure.__cause__
    return next(
        error(code, reason=_reason_of(failure))
        for types, error, code in _FAILURES
        if isinstance(failure, types)
    )


def _reason_of(failure: Exception) -> str | None:
    """The system's words for why a connection did not open; None where it has none.

    Of a name with several addresses, asyncio joins the failures in one text without a number.
    """
    if isinstance(failure, ssl.SSLError):
        return failure.reason
    if isinstance(failure, socket.gaierror):
        return failure.strerror
    if not isinstance(failure, OSError):
        return None
    numbers = [failure.errno] if failure.errno else map(int, _ERRNO.findall(str(failure)))
    return ", ".join(dict.fromkeys(map(os.strerror, numbers))) or None


async def _accepted(provider: Provider, connection: websockets_client.ClientConnection) -> str:
    """The text of the event that proves that the provider accepted the connection."""
    while True:
        try:
            text = await connection.recv()
        except ConnectionClosed as closed:
            raise _error_of(provider, closed) from None
        if not isinstance(text, str):
            raise UpstreamFailed("frame_binary")
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            raise UpstreamFailed("first_event_unexpected") from None
        if provider.accepts(mapping_at(event)):
            return text


def _error_of(provider: Provider, closed: ConnectionClosed) -> UpstreamError:
    """The error for any close, those that the library calls normal (1000, 1001, 1005) too."""
    theirs, ours = closed.rcvd, closed.sent
    if theirs is not None and (ours is None or closed.rcvd_then_sent):
        return provider.error_of_close(int(theirs.code), theirs.reason)
    if ours is None:
        return provider.error_of_close(1006, "")
    if ours.code == CloseCode.INTERNAL_ERROR:
        # `TextConnection` closes so when its ping got no pong.
        return UpstreamFailed("stalled", status=int(ours.code))
    return provider.error_of_close(int(ours.code), "")


async def _close(connection: websockets_client.ClientConnection, timeout_s: float) -> None:
    try:
        # An error of a dying socket changes nothing here: the abort below ends it.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(timeout_s):
                await connection.close()
    finally:
        connection.transport.abort()


@functools.cache
def _default_tls() -> ssl.SSLContext:
    """The system's trusted certificates, loaded once: loading them blocks the event loop."""
    return ssl.create_default_context()
