"""What a trusted proxy says about the client, and what anybody else says."""

from ipaddress import ip_network
from typing import Any

import pytest

from backend.middleware import SCHEME_IS_STATED
from backend.telemetry.request_ids import current_request_id
from backend.trusted_proxies import with_trusted_proxies

PROXIES = [ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
FORWARDED = {
    "x-forwarded-for": "192.0.2.7",
    "x-forwarded-proto": "https",
    "x-request-id": "0123abcd",
}


def scope(
    kind: str = "http", client: tuple[str, int] | None = ("127.0.0.1", 5), /, **headers: str
) -> dict[str, Any]:
    return {
        "type": kind,
        "scheme": {"http": "http", "websocket": "ws"}.get(kind, ""),
        "client": client,
        "headers": [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, value in headers.items()
        ],
    }


async def served(
    given: dict[str, Any], proxies: Any = PROXIES
) -> tuple[dict[str, Any], str | None]:
    """Return the scope that the application gets, and the request's id there."""
    seen: list[tuple[dict[str, Any], str | None]] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append((scope, current_request_id()))

    await with_trusted_proxies(app, proxies)(given, None, None)
    return seen[0]


@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("websocket", "wss")])
async def test_a_trusted_proxys_headers_are_the_clients(kind: str, scheme: str) -> None:
    got, request_id = await served(scope(kind, **FORWARDED))
    assert (got["client"], got["scheme"], request_id) == (("192.0.2.7", 0), scheme, "0123abcd")
    assert got[SCHEME_IS_STATED]


@pytest.mark.parametrize(
    ("client", "proxies"),
    [
        (("192.0.2.1", 5), PROXIES),
        (("127.0.0.2", 5), PROXIES),
        (None, PROXIES),
        (("", 0), PROXIES),
        (("127.0.0.1", 5), []),
    ],
)
async def test_nobody_elses_headers_mean_anything(
    client: tuple[str, int] | None, proxies: Any
) -> None:
    given = scope("websocket", client, **FORWARDED)
    assert await served(given, proxies) == (given, None)


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        # What the client itself has sent is before the address that the proxy has added.
        ("203.0.113.9, 192.0.2.7", "192.0.2.7"),
        ("192.0.2.7, 10.1.2.3", "192.0.2.7"),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("rubbish, 192.0.2.7", "192.0.2.7"),
        # No client: the connection's own address stays.
        ("rubbish", "127.0.0.1"),
        ("192.0.2.7, rubbish", "127.0.0.1"),
        ("192.0.2.7:443", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("192.0.2.7,", "127.0.0.1"),
    ],
)
async def test_the_client_is_the_last_address_that_is_no_proxy(
    forwarded_for: str, client: str
) -> None:
    got, _ = await served(scope(x_forwarded_for=forwarded_for))
    assert got["client"][0] == client


@pytest.mark.parametrize("proxy", ["127.0.0.1", "10.200.0.3", "fd00::1", "::ffff:10.0.0.1"])
async def test_a_proxy_may_be_an_address_or_inside_of_a_network(proxy: str) -> None:
    got, _ = await served(scope("http", (proxy, 1), **FORWARDED))
    assert got["client"] == ("192.0.2.7", 0)


@pytest.mark.parametrize("proto", ["", "HTTPS", "https,http", "ftp", "https "])
async def test_only_the_two_schemes_are_schemes(proto: str) -> None:
    got, _ = await served(scope(x_forwarded_proto=proto))
    assert got["scheme"] == "http"
    assert SCHEME_IS_STATED not in got


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a b", "a=b"])
async def test_a_request_id_that_could_forge_a_log_line_is_ignored(request_id: str) -> None:
    _, seen = await served(scope(x_request_id=request_id))
    assert seen is None


async def test_repeated_headers_are_one_list() -> None:
    given = scope(x_forwarded_for="203.0.113.9")
    given["headers"].append((b"X-Forwarded-For", b"192.0.2.7"))
    given["headers"] += [(b"x-request-id", b"one"), (b"x-request-id", b"two")]
    got, request_id = await served(given)
    assert (got["client"][0], request_id) == ("192.0.2.7", None)


async def test_a_scope_of_another_kind_passes() -> None:
    given = {"type": "lifespan"}
    assert await served(given) == (given, None)
