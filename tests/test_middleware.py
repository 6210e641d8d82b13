"""Every request stays in one thread, and its body is bounded."""

import gzip
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import AsyncClient, AsyncRequestFactory, RequestFactory, override_settings
from django.utils.decorators import sync_and_async_middleware

from backend.middleware import (
    SCHEME_IS_STATED,
    StaticGZipMiddleware,
    https_and_permissions,
    with_addresses_as_hosts,
    with_bounded_body,
)

ROOT = Path(__file__).resolve().parent.parent

next_is_async: list[bool] = []


@sync_and_async_middleware
def record_mode(get_response: Callable[[HttpRequest], HttpResponseBase]) -> object:
    """A middleware that records whether the next one is asynchronous."""
    next_is_async.append(iscoroutinefunction(get_response))
    return get_response


def answer_to(
    path: str = "/api/config/?x=1",
    host: str = "kaiwa.example",
    *,
    scheme: str = "http",
    is_stated: bool = True,
) -> HttpResponseBase:
    """What the middleware answers to a request with the scheme that a trusted proxy states."""
    request = AsyncRequestFactory().get(path)
    request.META["HTTP_HOST"] = host
    request.scope = {**request.scope, "scheme": scheme, SCHEME_IS_STATED: is_stated}
    with override_settings(ALLOWED_HOSTS=["kaiwa.example", "localhost"]):
        return https_and_permissions(lambda _: HttpResponse("served"))(request)


@pytest.mark.parametrize("host", ["kaiwa.example", "kaiwa.example:80"])
def test_plain_http_through_a_trusted_proxy_is_redirected(host: str) -> None:
    response = answer_to(host=host)
    assert response.status_code == 308
    assert response["Location"] == "https://kaiwa.example/api/config/?x=1"


def test_other_requests_are_served() -> None:
    assert answer_to(is_stated=False).status_code == 200
    assert answer_to(scheme="https").status_code == 200
    assert answer_to(host="localhost:8000").status_code == 200
    assert answer_to("/healthz").status_code == 200


def test_a_foreign_host_is_redirected_nowhere() -> None:
    with pytest.raises(DisallowedHost):
        answer_to(host="evil.example")


async def test_every_response_allows_the_microphone_and_no_more() -> None:
    for path in ("/", "/api/config/", "/healthz", "/static/nothing.js", "/nothing"):
        response = await AsyncClient().get(path)
        allowed = response["Permissions-Policy"].split(", ")
        assert allowed[0] == "microphone=(self)"
        assert all(each.endswith("=()") for each in allowed[1:])


@pytest.mark.parametrize(("is_https", "header"), [(False, None), (True, "max-age=31536000")])
async def test_hsts_is_sent_over_https_only(is_https: bool, header: str | None) -> None:
    with override_settings(SECURE_HSTS_SECONDS=31_536_000):
        response = await AsyncClient().get("/healthz", secure=is_https)
    assert response.headers.get("Strict-Transport-Security") == header


def test_nginx_sends_the_same_headers() -> None:
    headers = (ROOT / "nginx" / "security-headers.conf").read_text(encoding="utf-8")
    assert f'add_header Permissions-Policy "{settings.PERMISSIONS_POLICY}" always;' in headers
    assert 'add_header Strict-Transport-Security "max-age=31536000" always;' in headers
    for name in ("Permissions-Policy", "Strict-Transport-Security"):
        assert f"proxy_hide_header {name};" in headers


@pytest.mark.slow
def test_the_deployment_checks_have_nothing_to_say(tmp_path: Path) -> None:
    """But that a model retires, and that the page's files are not collected here."""
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={
            "PATH": os.environ["PATH"],
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "kaiwa.example",
            "OPENAI_API_KEY": "sk-check",
            "DATABASE_URL": f"sqlite:///{tmp_path}/kaiwa.sqlite3",
        },
    )  # fmt: skip
    said = re.findall(r"\(([a-z_.]+\.[A-Z]\d+)\)", done.stdout + done.stderr)
    assert set(said) <= {"kaiwa.W003", "kaiwa.W007"}, done.stderr


async def test_the_middleware_around_a_view_is_synchronous_under_asgi() -> None:
    next_is_async.clear()
    below = settings.MIDDLEWARE.index("whitenoise.middleware.WhiteNoiseMiddleware") + 1
    middleware = [*settings.MIDDLEWARE]
    middleware.insert(below, f"{__name__}.{record_mode.__name__}")
    with override_settings(MIDDLEWARE=middleware):
        response = await AsyncClient().get("/healthz")
    assert (response.status_code, next_is_async) == (200, [False])


async def body_seen_of(*pieces: bytes, most_bytes: int, path: str = "/") -> bytes:
    """Return what the application receives of a body; it then waits for the disconnect."""
    seen = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        event = {"more_body": True}
        while event["more_body"]:
            event = await receive()
            seen.append(event["body"])
        assert (await receive())["type"] == "http.disconnect"

    bounded = with_bounded_body(app, most_bytes, [(re.compile("/clips/[0-9]+/"), 8)])
    events = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]
    coming = iter([*events, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(coming)

    await bounded({"type": "http", "path": path}, receive, None)  # type: ignore[arg-type]
    return b"".join(seen)


@pytest.mark.parametrize(
    ("pieces", "seen"),
    [
        ((b"",), b""),
        ((b"1234",), b"1234"),
        ((b"12", b"34"), b"1234"),
        ((b"12", b"34", b""), b"1234"),
        ((b"12345",), b"12345"),
        ((b"123456789",), b"12345"),
        ((b"123", b"456", b"789"), b"12345"),
        ((b"12345", b"6789"), b"12345"),
    ],
)
async def test_a_body_is_seen_to_one_byte_beyond_its_bound(
    pieces: tuple[bytes, ...], seen: bytes
) -> None:
    assert await body_seen_of(*pieces, most_bytes=4) == seen


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/clips/1/", b"123456789"),
        ("/clips/x/", b"12345"),
        ("/clips/1/more/", b"12345"),
        ("/x/clips/1/", b"12345"),
    ],
)
async def test_a_path_may_have_a_bound_of_its_own(path: str, seen: bytes) -> None:
    assert await body_seen_of(b"123456", b"789abc", most_bytes=4, path=path) == seen


@pytest.mark.parametrize(
    ("path", "accepted", "is_compressed"),
    [
        ("/static/app-realtime.js", "gzip, br", True),
        ("/static/app-realtime.js", "", False),
        ("/api/config/", "gzip, br", False),
    ],
)
def test_only_static_files_are_compressed(path: str, accepted: str, is_compressed: bool) -> None:
    body = b"export const FACT = 1;\n" * 100
    middleware = StaticGZipMiddleware(lambda request: HttpResponse(body))
    request = RequestFactory().get(path, headers={"Accept-Encoding": accepted})
    response = middleware(request)
    assert isinstance(response, HttpResponse)
    assert (response.get("Content-Encoding") == "gzip") is is_compressed
    content = gzip.decompress(response.content) if is_compressed else response.content
    assert content == body


async def host_seen_for(path: str, *hosts: str) -> list[str]:
    """Return the Host headers that the application sees."""
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.extend(value.decode() for name, value in scope["headers"] if name == b"host")

    headers = [(b"accept", b"*/*"), *((b"host", host.encode()) for host in hosts)]
    hosted = with_addresses_as_hosts(app, ("/metrics",), "voice.example.com")
    await hosted({"type": "http", "path": path, "headers": headers}, None, None)  # type: ignore[arg-type]
    return seen


@pytest.mark.parametrize(
    "host", ["172.18.0.5:8000", "127.0.0.1", "[::1]:8000", "[fd12::1]", "10.0.0.1:80"]
)
async def test_operators_may_ask_by_the_servers_address(host: str) -> None:
    assert await host_seen_for("/metrics", host) == ["voice.example.com"]
    assert await host_seen_for("/", host) == [host]


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example:8000"],
        ["10.0.0.1.evil.example"],
        ["999.0.0.1"],
        ["1.2.3"],
        ["[::1"],
        ["10.0.0.1:80:80"],
        ["10.0.0.1", "evil.example"],
        [],
    ],
)
async def test_a_name_is_still_judged_by_the_allowed_hosts(hosts: list[str]) -> None:
    assert await host_seen_for("/metrics", *hosts) == hosts
