"""The provider's REST API through its official SDK: a client, and the SDK's errors as ours.

Each use is in a file of its own. It gets a client from `rest_client` and makes its requests inside
`upstream_errors`. The key goes to one host: no redirect is followed, and no proxy or other setting
is taken from the environment. The SDK's messages, which can quote the request, end here
(`from None`).
"""

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

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
from backend.telemetry.counters import COUNTERS
from backend.upstream import failures
from backend.upstream.providers.interface import Provider

STALL_S = 30.0
"""How long the provider may be silent within one answer."""
CONNECT_S = 8.0
"""How long a connection may take, as for a call (`upstream.connector`)."""


@dataclass(frozen=True, slots=True)
class RestTimeouts:
    """Seconds without progress: while connecting, while sending, and while an answer comes."""

    connect_s: float = CONNECT_S
    send_s: float = STALL_S
    stall_s: float = STALL_S


def rest_client(
    provider: Provider,
    base_url: str,
    api_key: str,
    *,
    proxy: str | None = None,
    timeouts: RestTimeouts = RestTimeouts(),
    transport: httpx2.AsyncBaseTransport | None = None,
) -> openai.AsyncOpenAI:
    """A client of this provider's REST API. It belongs to one event loop; close it with `close()`.

    The first one loads the trusted certificates, which takes tens of milliseconds: make it in a
    thread.

    It never retries by itself: an answer that has begun to stream cannot be repeated, and a retry
    of our own is visible to the user. `transport` replaces the network in tests.

    Raises UpstreamRefused("api_key_missing") without a key, and UpstreamUnavailable("proxy_failed")
    for a proxy URL that cannot be used.
    """
    if not api_key:
        raise UpstreamRefused("api_key_missing")
    try:
        http = httpx2.AsyncClient(
            verify=_tls(),
            proxy=proxy or None,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
            event_hooks={"request": [functools.partial(_sign, provider, api_key)]},
            timeout=httpx2.Timeout(
                timeouts.stall_s, connect=timeouts.connect_s, write=timeouts.send_s
            ),
        )
    except ValueError:
        raise UpstreamUnavailable("proxy_failed") from None
    client = openai.AsyncOpenAI(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        timeout=http.timeout,
        http_client=http,
        default_headers={"User-Agent": f"kaiwa/{__version__}"},
    )
    # The SDK fills these from the environment (OPENAI_ORG_ID, OPENAI_PROJECT_ID).
    client.organization = client.project = None
    return client


async def _sign(provider: Provider, api_key: str, request: httpx2.Request) -> None:
    """Send the key in the provider's own headers. The SDK can send it as a bearer token only."""
    del request.headers["Authorization"]
    request.headers.update(provider.credential_headers(api_key))


class SharedRestClient:
    """A REST client that is made at its first use, in a thread, and shared: open connections are
    used again, which saves TLS handshakes. Belongs to one event loop.
    """

    def __init__(self, make: Callable[[], openai.AsyncOpenAI]) -> None:
        self._make = make
        self._client: openai.AsyncOpenAI | None = None
        self._lock = asyncio.Lock()

    async def get(self) -> openai.AsyncOpenAI:
        """Return the client."""
        async with self._lock:
            if self._client is None:
                self._client = await asyncio.to_thread(self._make)
            return self._client

    async def close(self) -> None:
        """Close the client, if there is one. The next `get` makes another."""
        if self._client is not None:
            await self._client.close()
            self._client = None


async def post_streamed(
    client: openai.AsyncOpenAI, path: str, request: Mapping[str, Any]
) -> openai.AsyncStream[object]:
    """POST this body; the answer's server-sent events as plain JSON values. Close the stream.

    Not by the SDK's typed methods (`client.responses.create`): they block the event loop, on which
    the voices of calls wait. Measured on a busy machine: 1.1 s to import the types at first use,
    3.9 s to build them at the first event, then 0.7 ms for each event, against 0.03 ms this way.
    """
    return await client.post(
        path,
        cast_to=object,
        body=dict(request),
        stream=True,
        stream_cls=openai.AsyncStream[object],
    )


@contextlib.contextmanager
def upstream_errors(provider: Provider) -> Iterator[None]:
    """Raise what the SDK and its HTTP client raise in here as an UpstreamError, without their text.

    Covers the request, the reading of an answer and the reading of a stream. Each is counted for
    `/metrics`.
    """
    try:
        yield
    # ValueError: an answer that is not JSON, or not of the documented shape.
    except (UpstreamError, openai.OpenAIError, httpx2.HTTPError, OSError, ValueError) as error:
        meant = error if isinstance(error, UpstreamError) else upstream_error_of(error, provider)
        COUNTERS.upstream_errors[meant.ending] += 1
        raise meant from None


def upstream_error_of(error: Exception, provider: Provider) -> UpstreamError:
    """The UpstreamError that an exception of the SDK or of its HTTP client means."""
    if isinstance(error, openai.APIStatusError):
        response = error.response
        # A body that is still streaming was not read; then the status alone decides.
        body = response.content if response.is_stream_consumed else b""
        return provider.error_of_status(
            response.status_code, response.headers.get("Retry-After"), body
        )
    if isinstance(error, openai.APIConnectionError) and error.__cause__ is not None:
        error = error.__cause__ if isinstance(error.__cause__, Exception) else error
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
        return failures.error_named_in(mapping_at(error.body))
    return next(kind(code) for types, kind, code in _FAILURES if isinstance(error, types))


_FAILURES: tuple[tuple[type[Exception], type[UpstreamError], UpstreamCode], ...] = (
    (openai.APITimeoutError, UpstreamTimeout, "timed_out"),
    (httpx2.ReadTimeout, UpstreamTimeout, "stalled"),
    (httpx2.TimeoutException, UpstreamTimeout, "timed_out"),
    (httpx2.ProxyError, UpstreamUnavailable, "proxy_failed"),
    (httpx2.ConnectError, UpstreamUnavailable, "unreachable"),
    (httpx2.TransportError, UpstreamFailed, "connection_lost"),
    (openai.APIConnectionError, UpstreamUnavailable, "unreachable"),
    (TimeoutError, UpstreamTimeout, "stalled"),
    (OSError, UpstreamFailed, "connection_lost"),
    (Exception, UpstreamFailed, "connection_broken"),
)
"""What stopped a request without an HTTP error; subclasses before their base classes."""


@functools.cache
def _tls() -> ssl.SSLContext:
    """The system's trusted certificates, loaded once: loading them blocks the event loop."""
    return ssl.create_default_context()
