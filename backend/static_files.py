"""Serves the static files from a cache, before Django and without a thread for each request.

Django's road took 3 ms of the processor for each of the page's 130 modules: a thread, the whole
chain of middleware, and a compression of the same bytes each time. Here the same middleware, from
the first of `settings.MIDDLEWARE` to WhiteNoise, answers once for each file and encoding, in a
thread; its response is cached with all headers, and every later request is answered by the event
loop. So no header has a second source.
"""

import asyncio
import io
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags, parse_http_date_safe
from django.utils.module_loading import import_string

from backend.middleware import SCHEME_IS_STATED

MAX_CACHED_BYTES = 16_000_000
"""Of all files together; the page takes 0.25 MB compressed, and the admin's files 1 MB."""

# `Any`: the servers, Channels and Django each have their own types for the same dictionaries.
Application = Callable[[Any, Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Stamp = tuple[object, ...]
"""Equal for two requests between which the file has not changed."""

_LAST = "whitenoise.middleware.WhiteNoiseMiddleware"
_ENCODINGS = {name: re.compile(rf"\b{name}\b") for name in ("br", "gzip")}
"""What Django and WhiteNoise look for in `Accept-Encoding`; they ask for nothing else in it."""
_LEFT_TO_DJANGO = frozenset({b"range", b"content-length", b"transfer-encoding"})
"""A request with one of these headers, for a part of a file or with a body, is rare."""
_OF_THE_BODY = frozenset({b"content-type", b"content-length", b"content-encoding"})


@dataclass(frozen=True, slots=True)
class StaticResponse:
    """A whole response with status 200."""

    headers: Headers
    body: bytes
    stamp: Stamp

    def header(self, name: bytes) -> str:
        """The value of a header by its name in lower case; empty if there is none."""
        values = (value for key, value in self.headers if key.lower() == name)
        return next(values, b"").decode("latin-1")


class ResponseCache:
    """Responses by key, of `most_bytes` together; the least recently used one goes first."""

    def __init__(self, most_bytes: int = MAX_CACHED_BYTES) -> None:
        self._most_bytes = most_bytes
        self._responses: OrderedDict[object, StaticResponse] = OrderedDict()
        self.bytes = 0

    def get(self, key: object, stamp: Stamp) -> StaticResponse | None:
        """Return the response for a file that has this stamp; None if there is none."""
        response = self._responses.get(key)
        if response is None or response.stamp != stamp:
            return None
        self._responses.move_to_end(key)
        return response

    def keep(self, key: object, response: StaticResponse) -> None:
        """Cache a response in place of an older one with this key, if there is room for it."""
        if len(response.body) > self._most_bytes:
            return
        if (old := self._responses.pop(key, None)) is not None:
            self.bytes -= len(old.body)
        self._responses[key] = response
        self.bytes += len(response.body)
        while self.bytes > self._most_bytes:
            _, oldest = self._responses.popitem(last=False)
            self.bytes -= len(oldest.body)


def is_not_modified(response: StaticResponse, asked: Mapping[bytes, str]) -> bool:
    """Whether the client has this response already, by the headers of its request in lower case.

    ETags are compared weakly (RFC 9110, section 13.1.2): that of a compressed response is weak.
    `If-Modified-Since` counts only without `If-None-Match`.
    """
    etags = asked.get(b"if-none-match")
    if etags is not None:
        known = {each.removeprefix("W/") for each in parse_etags(etags)}
        return bool(known & {"*", response.header(b"etag").removeprefix("W/")})
    since = parse_http_date_safe(asked.get(b"if-modified-since", ""))
    modified = parse_http_date_safe(response.header(b"last-modified"))
    return since is not None and modified is not None and modified <= since


class StaticFiles:
    """The middleware from the first of `names` to WhiteNoise, as one function of a request.

    Without `DEBUG` WhiteNoise lists the files once, at the start; a file never changes then. With
    it, each request looks the file up as WhiteNoise does.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._files = import_string(_LAST)(_no_file)
        self._chain: Callable[[HttpRequest], HttpResponseBase] = self._files
        for name in reversed(names[: names.index(_LAST)]):
            self._chain = import_string(name)(self._chain)

    def stamp(self, path: str) -> Stamp | None:
        """Return the stamp of the file at this URL path; None if there is none."""
        if not self._files.autorefresh:
            return () if path in self._files.files else None
        # WhiteNoise asks this first: a finder raises for a path that leads out of its folder.
        if not self._files.url_is_canonical(path):
            return None
        found = finders.find(path.removeprefix(settings.STATIC_URL))
        if not found:
            return None
        try:
            status = Path(found).stat()
        except OSError:
            return None
        return (found, status.st_mtime_ns, status.st_size)

    def read(self, scope: dict[str, Any], stamp: Stamp) -> StaticResponse | None:
        """Return the response to a request; None if it is not one with a whole file.

        It reads and compresses the file: to be called in a thread.
        """
        response: Any = self._chain(ASGIRequest(scope, io.BytesIO()))
        try:
            if response.status_code != HTTPStatus.OK:
                return None
            body = b"".join(response)
        finally:
            response.close()
        headers = [
            # In Django's letters: some clients do not ignore the case of a name.
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in response.items()
            if name.lower() != "content-length"
        ]
        return StaticResponse([*headers, (b"Content-Length", b"%d" % len(body))], body, stamp)


def _no_file(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=HTTPStatus.NOT_FOUND)


def with_static_files(app: Application, files: StaticFiles, cache: ResponseCache) -> Application:
    """Return an ASGI application that answers GET and HEAD of static files, and leaves the rest.

    `app` answers everything else: what is no file, other methods, parts of files, and what a
    trusted proxy was asked for over plain HTTP, which is redirected.
    """

    async def response_to(scope: dict[str, Any], accepted: str) -> StaticResponse | None:
        key = (scope["path"], accepted, scope.get("scheme"))
        stamp = files.stamp(scope["path"])
        if stamp is None:
            return None
        response = cache.get(key, stamp)
        if response is None:
            headers = [(b"accept-encoding", accepted.encode())]
            plain = {**scope, "method": "GET", "headers": headers, "query_string": b""}
            response = await asyncio.to_thread(files.read, plain, stamp)
            if response is not None:
                cache.keep(key, response)
        return response

    async def served(scope: dict[str, Any], receive: Any, send: Any) -> None:
        asked = _headers_of(scope)
        response = (
            await response_to(scope, _encodings_in(asked)) if _is_for_us(scope, asked) else None
        )
        if response is None:
            await app(scope, receive, send)
            return
        status, headers, body = HTTPStatus.OK, response.headers, response.body
        if is_not_modified(response, asked):
            status = HTTPStatus.NOT_MODIFIED
            headers = [each for each in headers if each[0].lower() not in _OF_THE_BODY]
        if status != HTTPStatus.OK or scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return served


def _is_for_us(scope: Mapping[str, Any], asked: Mapping[bytes, str]) -> bool:
    if scope["method"] not in ("GET", "HEAD") or not scope["path"].startswith(settings.STATIC_URL):
        return False
    is_redirected = scope.get(SCHEME_IS_STATED) and scope.get("scheme") != "https"
    return not is_redirected and _LEFT_TO_DJANGO.isdisjoint(asked)


def _encodings_in(asked: Mapping[bytes, str]) -> str:
    """Return what decides on the encoding in `Accept-Encoding`, in one order."""
    accepted = asked.get(b"accept-encoding", "")
    return ", ".join(name for name, pattern in _ENCODINGS.items() if pattern.search(accepted))


def _headers_of(scope: Mapping[str, Any]) -> dict[bytes, str]:
    """Return the request's headers by their name in lower case; repeated ones with commas."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        key, text = name.lower(), value.decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found
