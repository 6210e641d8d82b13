"""Takes the client's address, the scheme and the request's id from a trusted proxy's headers.

The setting `TRUSTED_PROXIES` names the proxies. Everybody else may send the same headers, and they
mean nothing then: a client that could choose its address would escape every limit per address. It
is done here and not by the servers, because uvicorn trusts this machine by default, and Daphne
trusts either everybody or nobody.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from backend.client_addresses import Address, parse_address
from backend.middleware import SCHEME_IS_STATED
from backend.telemetry.request_ids import is_request_id, remember_request_id

Scope = Mapping[str, Any]
Network = IPv4Network | IPv6Network
Application = Callable[[Any, Any, Any], Awaitable[None]]

_SCHEMES = {
    ("http", "http"): "http",
    ("http", "https"): "https",
    ("websocket", "http"): "ws",
    ("websocket", "https"): "wss",
}
"""The scope's `scheme` by the scope's type and `X-Forwarded-Proto`."""


def with_trusted_proxies(app: Application, proxies: Sequence[Network]) -> Application:
    """Return an ASGI application whose scope has what a trusted proxy says about the client.

    `client` is the client's address, with port 0; `scheme` is that of the client's connection; the
    request's id is remembered for the log. Without `proxies` it is `app` itself.
    """
    if not proxies:
        return app

    async def trusting(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if is_from_proxy(scope, proxies):
            scope = {**scope, **forwarded(scope, proxies)}
            if is_request_id(request_id := _header(scope, b"x-request-id")):
                remember_request_id(request_id)
        await app(scope, receive, send)

    return trusting


def is_from_proxy(scope: Scope, proxies: Iterable[Network]) -> bool:
    """Return True if the connection itself comes from one of the proxies."""
    client = scope.get("client")
    address = parse_address(client[0]) if client else None
    return address is not None and _is_in(address, proxies)


def forwarded(scope: Scope, proxies: Sequence[Network]) -> dict[str, Any]:
    """Return the `client` and the `scheme` that the proxy's headers state, where they do.

    The client is the last address of `X-Forwarded-For` that is not itself a trusted proxy: what is
    before it was sent by the client. A value that is no address ends the search without a result.
    """
    stated: dict[str, Any] = {}
    client = _client(_header(scope, b"x-forwarded-for"), proxies)
    if client is not None:
        stated["client"] = (str(client), 0)
    scheme = _SCHEMES.get((scope["type"], _header(scope, b"x-forwarded-proto")))
    if scheme is not None:
        stated["scheme"] = scheme
        stated[SCHEME_IS_STATED] = True
    return stated


def _client(forwarded_for: str, proxies: Sequence[Network]) -> Address | None:
    farthest: Address | None = None
    for text in reversed(forwarded_for.split(",")):
        address = parse_address(text.strip(" \t"))
        if address is None:
            return None
        farthest = address
        if not _is_in(address, proxies):
            break
    return farthest


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _header(scope: Scope, name: bytes) -> str:
    """Return the header's value; those of a repeated one with commas between them, as in HTTP."""
    values = (value for key, value in scope.get("headers", ()) if key.lower() == name)
    return b",".join(values).decode("latin-1")
