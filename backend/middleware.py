"""Middleware: https, one thread per request, compressed static files, bounded bodies, probes."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.decorators import sync_only_middleware

GetResponse = Callable[[HttpRequest], HttpResponseBase]
Event = Mapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


@sync_only_middleware
def in_one_thread(get_response: GetResponse) -> GetResponse:
    """Do nothing, synchronously, as the innermost middleware.

    Under ASGI a middleware that supports both modes runs asynchronously if the next one does, and
    then sends each of its hooks to a thread of its own. With a synchronous one inside, the whole
    chain runs in one thread, and an API request takes about half of the processor time
    (`make bench-requests`).
    """
    return get_response


@sync_only_middleware
def https_and_permissions(get_response: GetResponse) -> GetResponse:
    """Redirect to https what came to a trusted proxy over plain HTTP, and send the page's
    `Permissions-Policy`: the microphone, and none of what else people are asked for.

    Not what came without a proxy, as on one's own machine: there may be no https. The answer is
    308, which keeps the method and the body.
    """

    def secured(request: HttpRequest) -> HttpResponseBase:
        response = (
            HttpResponse(status=308, headers={"Location": _https_address(request)})
            if _must_redirect(request)
            else get_response(request)
        )
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        return response

    return secured


SCHEME_IS_STATED = "kaiwa.scheme_is_stated"
"""The scope has this if its `scheme` is what a trusted proxy states (`backend.trusted_proxies`)."""
PROBED_PATHS = ("/healthz", "/readyz", "/metrics")
"""What probes and Prometheus ask for, over HTTP and by the server's address."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def _must_redirect(request: HttpRequest) -> bool:
    scope = getattr(request, "scope", {})
    if request.is_secure() or not scope.get(SCHEME_IS_STATED) or request.path in PROBED_PATHS:
        return False
    return split_domain_port(request.get_host())[0] not in _LOOPBACK


def _https_address(request: HttpRequest) -> str:
    host = request.get_host().removesuffix(":80")
    return f"https://{host}{request.get_full_path()}"


def with_bounded_body(
    app: Application, most_bytes: int, by_path: Sequence[tuple[re.Pattern[str], int]] = ()
) -> Application:
    """Return an ASGI application whose requests have a body of at most `most_bytes + 1` bytes.

    `by_path` has another bound for each path that its pattern matches as a whole. The one extra
    byte lets the view see that the body is too large; the rest is dropped. Django itself writes a
    body to disk before any view or limit sees it: two anonymous requests of 400 MB took 800 MB of
    disk.
    """

    async def bounded(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        matching = (bound for path, bound in by_path if path.fullmatch(scope["path"]))
        room = next(matching, most_bytes) + 1

        async def receive_some() -> Event:
            nonlocal room
            while True:
                event = await receive()
                if event["type"] != "http.request":
                    return event
                if room > 0:
                    body = event.get("body", b"")[:room]
                    room -= len(body)
                    is_more = event.get("more_body", False) and room > 0
                    return {**event, "body": body, "more_body": is_more}

        await app(scope, receive_some, send)

    return bounded


def with_addresses_as_hosts(app: Application, paths: Collection[str], host: str) -> Application:
    """Return an ASGI application that serves these paths also under the server's IP address.

    Prometheus and a container's health check ask a replica by its address, which `ALLOWED_HOSTS`
    does not have: Django would answer 400. The header is replaced by `host`, an allowed one. Only
    an address is let in: a name could be a foreign page's that points at us (DNS rebinding).
    """

    async def hosted(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["path"] in paths:
            is_address = [_is_address(value) for name, value in scope["headers"] if name == b"host"]
            if is_address == [True]:
                others = [each for each in scope["headers"] if each[0] != b"host"]
                scope = {**scope, "headers": [*others, (b"host", host.encode())]}
        await app(scope, receive, send)

    return hosted


_ADDRESS = re.compile(rb"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::[0-9]+)?")


def _is_address(host: bytes) -> bool:
    """Whether a Host header is an IP address, with or without a port."""
    found = _ADDRESS.fullmatch(host)
    if found is None:
        return False
    try:
        ip_address((found[1] or found[2]).decode())
    except ValueError:
        return False
    return True


class StaticGZipMiddleware(GZipMiddleware):
    """Compress the static files: the page loads a third of the bytes.

    Only these: a compressed answer with a secret beside text of the client's choice would reveal
    the secret by its length (BREACH), and a stream of events must not be held back.
    """

    # By default up to 100 bytes are added against BREACH: 6 kB of the page's first load.
    max_random_bytes = 0

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The response, compressed if it is a static file and the client accepts gzip."""
        if not request.path.startswith(settings.STATIC_URL):
            return response
        return super().process_response(request, response)
