"""Static files from memory: the same answers as Django's, and what is left to Django."""

import gzip
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import AsyncClient, override_settings

from backend.middleware import SCHEME_IS_STATED
from backend.static_files import (
    ResponseCache,
    StaticFiles,
    StaticResponse,
    is_not_modified,
    with_static_files,
)

MODULE = "/static/api.js"
NOT_COMPARED = {
    b"content-length",
    b"content-type",
    b"last-modified",
    b"access-control-allow-origin",
}
"""Django streams a file without its length, and repeats fewer headers in a 304."""


@pytest.fixture(autouse=True)
def secure() -> Iterator[None]:
    with override_settings(SECURE_HSTS_SECONDS=31_536_000, ALLOWED_HOSTS=["127.0.0.1"]):
        yield


@pytest.fixture
def collected(tmp_path: Path) -> Iterator[Path]:
    """The folder of collected files of a server without `DEBUG`, with two files."""
    (tmp_path / "0123456789abcdef").mkdir()
    (tmp_path / "0123456789abcdef" / "a.js").write_text("export const A = 1;\n" * 50)
    (tmp_path / "b.js").write_text("export const B = 1;\n")
    with override_settings(
        STATIC_ROOT=tmp_path,
        WHITENOISE_AUTOREFRESH=False,
        WHITENOISE_USE_FINDERS=False,
        WHITENOISE_IMMUTABLE_FILE_TEST="^/static/[0-9a-f]{16}/",
    ):
        yield tmp_path


def scope_of(method: str, path: str, headers: dict[str, str], **others: Any) -> dict[str, Any]:
    pairs = {"host": "127.0.0.1", **headers}.items()
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(name.encode(), value.encode()) for name, value in pairs],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), **others,
    }  # fmt: skip


async def answer_of(app: Any, scope: dict[str, Any]) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send a request without a body; return the status, the headers and the body."""
    sent: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await app(scope, None, send)
    start, *rest = sent
    headers = {name.lower(): value for name, value in start["headers"]}
    return start["status"], headers, b"".join(event.get("body", b"") for event in rest)


async def django(_scope: Any, _receive: Any, send: Any) -> None:
    """Stands for Django: answers 299."""
    await send({"type": "http.response.start", "status": 299, "headers": []})


async def unreachable(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("left to Django")


def from_memory(app: Any = unreachable, cache: ResponseCache | None = None) -> Any:
    return with_static_files(app, StaticFiles(settings.MIDDLEWARE), cache or ResponseCache())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accepted", ["gzip, deflate, br", "identity", "*", ""])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_answer_has_every_header_that_djangos_has(
    method: str, accepted: str, scheme: str
) -> None:
    ask = getattr(AsyncClient(), method.lower())
    asked = {"host": "127.0.0.1", "accept-encoding": accepted}
    response = await ask(MODULE, headers=asked, secure=scheme == "https")
    headers = {name.lower().encode(): value.encode() for name, value in response.items()}
    body = response.getvalue()
    response.close()
    served = from_memory()
    scope = scope_of(method, MODULE, {"accept-encoding": accepted}, scheme=scheme)
    for _ in range(2):
        again = await answer_of(served, scope)
        assert (again[0], again[2]) == (response.status_code, body)
        # Django compresses while it sends, and does not know the length before.
        assert {**again[1], b"content-length": b""} == {**headers, b"content-length": b""}
    assert (b"strict-transport-security" in headers) is (scheme == "https")
    assert {b"permissions-policy", b"content-security-policy", b"x-content-type-options"} <= {
        *headers
    }
    compressed = again[1].get(b"content-encoding") == b"gzip"
    assert compressed is ("gzip" in accepted)
    if method == "GET":
        text = gzip.decompress(again[2]) if compressed else again[2]
        assert text == (settings.ROOT / "frontend" / "api.js").read_bytes()
        assert int(again[1][b"content-length"]) == len(again[2])


async def test_the_names_of_headers_are_written_as_django_writes_them() -> None:
    names: set[bytes] = set()

    async def send(event: dict[str, Any]) -> None:
        names.update(name for name, _ in event.get("headers", ()))

    await from_memory()(scope_of("GET", MODULE, {}), None, send)
    response = await AsyncClient().get(MODULE, headers={"host": "127.0.0.1"})
    response.close()
    assert names == {name.encode() for name in response.headers}


async def test_a_file_is_read_once_and_not_by_the_event_loop() -> None:
    threads = []

    class Watched(StaticFiles):
        def read(self, *args: Any) -> StaticResponse | None:
            threads.append(threading.current_thread())
            return super().read(*args)

    served = with_static_files(unreachable, Watched(settings.MIDDLEWARE), ResponseCache())
    for _ in range(3):
        assert (await answer_of(served, scope_of("GET", MODULE, {})))[0] == 200
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


async def test_what_the_client_has_already_is_not_sent_again() -> None:
    served = from_memory()
    zipped = {"accept-encoding": "gzip"}
    _, first, _ = await answer_of(served, scope_of("GET", MODULE, zipped))
    etag, modified = first[b"etag"].decode(), first[b"last-modified"].decode()
    assert etag.startswith('W/"')
    for asked in (
        {"if-none-match": etag},
        {"if-none-match": f'"other", {etag.removeprefix("W/")}'},
        {"if-none-match": "*"},
        {"if-modified-since": modified},
    ):
        status, headers, body = await answer_of(served, scope_of("GET", MODULE, zipped | asked))
        assert (status, body) == (304, b""), asked
        kept = {b"etag", b"cache-control", b"vary", b"content-security-policy"}
        assert {name: headers[name] for name in kept} == {name: first[name] for name in kept}
        assert not headers.keys() & {b"content-length", b"content-type", b"content-encoding"}
    for asked in (
        {"if-none-match": '"other"'},
        {"if-none-match": '"other"', "if-modified-since": modified},
        {"if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"if-modified-since": "yesterday"},
    ):
        assert (await answer_of(served, scope_of("GET", MODULE, zipped | asked)))[0] == 200, asked


@pytest.mark.parametrize(
    ("method", "path", "headers", "others"),
    [
        ("GET", "/", {}, {}),
        ("GET", "/static/", {}, {}),
        ("GET", "/static/nothing.js", {}, {}),
        ("GET", "/static/../manage.py", {}, {}),
        ("GET", "/static//api.js", {}, {}),
        ("GET", "/static/a\0.js", {}, {}),
        ("GET", "/static/page", {}, {}),
        ("POST", MODULE, {}, {}),
        ("OPTIONS", MODULE, {}, {}),
        ("GET", MODULE, {"range": "bytes=0-9"}, {}),
        ("GET", MODULE, {"content-length": "3"}, {}),
        ("GET", MODULE, {"transfer-encoding": "chunked"}, {}),
        ("GET", MODULE, {}, {SCHEME_IS_STATED: True}),
    ],
)
async def test_everything_else_is_left_to_django(
    method: str, path: str, headers: dict[str, str], others: dict[str, Any]
) -> None:
    seen = []

    async def recorded(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await django(scope, receive, send)

    cache = ResponseCache()
    served = from_memory(recorded, cache)
    await answer_of(served, scope_of("GET", MODULE, {}))
    scope = scope_of(method, path, headers, **others)
    assert (await answer_of(served, scope))[0] == 299
    assert seen == [scope]


async def test_a_file_that_changes_or_goes_while_a_development_server_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.js"
    path.write_text("export const A = 1;")
    os.utime(path, (1, 1))
    with override_settings(STATICFILES_DIRS=[str(tmp_path)]):
        served = from_memory(django)
        scope = scope_of("GET", "/static/a.js", {})
        assert (await answer_of(served, scope))[2] == b"export const A = 1;"
        path.write_text("export const A = 2;")
        assert (await answer_of(served, scope))[2] == b"export const A = 2;"
        path.unlink()
        assert (await answer_of(served, scope))[0] == 299


async def test_without_debug_the_collected_files_are_served(collected: Path) -> None:
    served = from_memory(django)
    cached = {
        path: (await answer_of(served, scope_of("GET", f"/static/{path}", {})))[1][b"cache-control"]
        for path in ("0123456789abcdef/a.js", "b.js")
    }
    assert cached == {
        "0123456789abcdef/a.js": b"max-age=315360000, public, immutable",
        "b.js": b"max-age=0, public",
    }
    (collected / "c.js").touch()
    assert (await answer_of(served, scope_of("GET", "/static/c.js", {})))[0] == 299


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", b"br"), ("gzip", b"gzip")])
async def test_files_that_an_operator_has_compressed_are_used(
    collected: Path, accepted: str, encoding: bytes
) -> None:
    (collected / "b.js.br").write_bytes(b"br" * 4)
    (collected / "b.js.gz").write_bytes(b"gz" * 5)
    scope = scope_of("GET", "/static/b.js", {"accept-encoding": accepted})
    served = from_memory()
    for _ in range(2):
        _, headers, body = await answer_of(served, scope)
        assert headers[b"content-encoding"] == encoding
    assert body == {b"br": b"br" * 4, b"gzip": b"gz" * 5}[encoding]


def answer(size: int) -> StaticResponse:
    return StaticResponse([], b"0" * size, ())


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    cache = ResponseCache(most_bytes=100)
    cache.keep("a", answer(40))
    cache.keep("b", answer(40))
    assert cache.get("a", ())
    cache.keep("c", answer(40))
    assert [key for key in "abc" if cache.get(key, ())] == ["a", "c"]
    cache.keep("c", answer(10))
    assert cache.bytes == 50
    cache.keep("d", answer(101))
    assert [key for key in "acd" if cache.get(key, ())] == ["a", "c"]
    assert cache.bytes == 50


def test_an_answer_of_another_stamp_is_not_found() -> None:
    cache = ResponseCache()
    cache.keep("a", answer(1))
    assert cache.get("a", ("changed",)) is None


def test_an_answer_without_an_etag_or_a_date_is_always_sent() -> None:
    for asked in ({b"if-none-match": '""'}, {b"if-modified-since": ""}, {}):
        assert not is_not_modified(answer(1), asked)
