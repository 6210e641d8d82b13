"""The number of connections: in all, for one address, and behind a proxy."""

import json
import resource

import pytest

from backend.serving.connection_limits import (
    MAX_CONNECTIONS,
    MAX_PER_ADDRESS,
    MAX_START_WAIT_S,
    RESERVED_DESCRIPTORS,
    TOO_MANY_CONNECTIONS_RESPONSE,
    ConnectionCounter,
    ConnectionLimits,
    ConnectionPacer,
    limits_for,
    limits_of_this_process,
)
from backend.wording import sentence


def counter(total: int = 3, per_address: int = 2) -> ConnectionCounter:
    return ConnectionCounter(ConnectionLimits(total, per_address), lambda who: who == "proxy")


def test_an_address_has_a_limit_of_its_own() -> None:
    counted = counter()
    assert [counted.open("a") for _ in range(3)] == [True, True, False]
    assert counted.open("b")


def test_a_proxy_has_only_the_limit_of_all() -> None:
    counted = counter()
    assert [counted.open("proxy") for _ in range(4)] == [True, True, True, False]
    assert not counted.open("a")


def test_a_closed_connection_makes_room_and_a_refused_one_is_not_counted() -> None:
    counted = counter()
    for _ in range(3):
        counted.open("a")
    counted.close("a")
    assert counted.open("a")
    assert not counted.open("a")


@pytest.mark.parametrize(
    ("descriptors", "total", "per_address"),
    [(1024, 480, 240), (65_536, MAX_CONNECTIONS, MAX_PER_ADDRESS), (10, 1, 1)],
)
def test_each_call_has_two_descriptors(descriptors: int, total: int, per_address: int) -> None:
    assert limits_for(descriptors) == ConnectionLimits(total, per_address)
    assert 2 * limits_for(1024).total + RESERVED_DESCRIPTORS <= 1024


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to"),
    [(1024, 4096, 4096), (1024, 1024, None), (256, resource.RLIM_INFINITY, 20_064)],
)
def test_a_process_takes_as_many_descriptors_as_it_may(
    soft: int, hard: int, raised_to: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: changes.append(limits))
    assert limits_of_this_process() == limits_for(raised_to or soft)
    assert changes == ([(raised_to, hard)] if raised_to else [])


def test_the_total_is_published_whenever_it_changes() -> None:
    published: list[int] = []
    counted = ConnectionCounter(ConnectionLimits(2, 2), publish=published.append)
    for _ in range(3):
        counted.open("a")
    counted.close("a")
    assert published == [1, 2, 1]


def test_several_processes_together_hold_as_many_of_an_address_as_one() -> None:
    assert ConnectionLimits(480, 240).divided_by(1) == ConnectionLimits(480, 240)
    # Each has descriptors of its own.
    assert ConnectionLimits(480, 240).divided_by(2) == ConnectionLimits(480, 120)
    assert ConnectionLimits(4, 2).divided_by(3) == ConnectionLimits(4, 1)


def test_an_ipv6_client_is_counted_by_its_network() -> None:
    counted = counter()
    assert [counted.open(f"2001:db8::{number}") for number in (1, 2, 3)] == [True, True, False]
    counted.close("2001:db8::1")
    assert counted.open("2001:db8::3")
    assert counted.open("2001:db8:0:1::1")


def test_the_connections_of_an_address_begin_in_turn() -> None:
    pacer = ConnectionPacer(per_s=10, at_once=2)
    waits_s = [pacer.wait_s("a", now_s=100.0) for _ in range(4)]
    assert waits_s == pytest.approx([0, 0, 0.1, 0.2])
    assert pacer.wait_s("b", now_s=100.0) == 0
    assert pacer.wait_s("a", now_s=100.3) == pytest.approx(0)
    assert pacer.wait_s("a", now_s=100.3) == pytest.approx(0.1)


def test_a_connection_that_would_wait_too_long_is_refused_and_takes_no_turn() -> None:
    pacer = ConnectionPacer(per_s=1, at_once=1)
    waits_s = [pacer.wait_s("a", now_s=0.0) for _ in range(9)]
    assert waits_s == [0, 1, 2, 3, 4, MAX_START_WAIT_S, None, None, None]
    assert pacer.wait_s("a", now_s=1.0) == MAX_START_WAIT_S


def test_the_connections_of_a_proxy_do_not_wait() -> None:
    pacer = ConnectionPacer(lambda address: address == "proxy", per_s=1, at_once=1)
    assert [pacer.wait_s("proxy", now_s=0.0) for _ in range(9)] == [0] * 9


def test_addresses_that_have_become_quiet_are_forgotten() -> None:
    pacer = ConnectionPacer(per_s=1, at_once=1)
    for number in range(100):
        pacer.wait_s(f"address-{number}", now_s=0.0)
    pacer.wait_s("last", now_s=MAX_START_WAIT_S + 1)
    assert pacer.address_count == 1


def test_a_refused_connection_is_answered_503_with_the_apis_error() -> None:
    head, _, body = TOO_MANY_CONNECTIONS_RESPONSE.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    error = {"code": "unavailable", "message": sentence("unavailable", "en")}
    assert json.loads(body) == {"error": error}
