"""Which requests share a rate limit; a forged header does not evade it; Redis counts for all."""

from typing import Any

import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from backend.accounts.throttles import AddressThrottle, LoginThrottle
from tests.redis import RedisServer


def request(username: Any = "owner", address: str = "192.0.2.1", forwarded: str = "") -> Request:
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    made = APIRequestFactory().post("/", REMOTE_ADDR=address, **headers)
    given = Request(made)
    given._full_data = {"username": username}  # type: ignore[attr-defined]
    return given


def login_key(given: Request) -> str:
    return LoginThrottle().get_cache_key(given, APIView())


def address_key(given: Request) -> str:
    return AddressThrottle().get_cache_key(given, APIView())


def test_a_user_is_counted_however_the_name_is_written() -> None:
    for spelling in (" OWNER", "ｏwner", "ＯＷＮＥＲ\u3000"):
        assert login_key(request(spelling)) == login_key(request("owner"))
    assert login_key(request("owner")) != login_key(request("stranger"))


def test_another_address_is_counted_apart() -> None:
    other = request(address="192.0.2.2")
    assert login_key(request()) != login_key(other)
    assert address_key(request()) != address_key(other)


def test_the_addresses_of_an_ipv6_network_are_counted_together() -> None:
    ours, theirs = (request(address=f"2001:db8::{number}") for number in (1, 2))
    assert (address_key(ours), login_key(ours)) == (address_key(theirs), login_key(theirs))
    assert address_key(ours) != address_key(request(address="2001:db8:0:1::1"))


def test_a_server_on_a_unix_socket_knows_no_address() -> None:
    given = request()
    del given.META["REMOTE_ADDR"]
    assert address_key(given) != address_key(request())
    assert login_key(given) not in (login_key(request()), address_key(given))


def test_an_address_is_counted_for_all_usernames() -> None:
    assert address_key(request("owner")) == address_key(request("stranger"))


def test_a_forged_forwarding_header_does_not_change_the_address() -> None:
    assert login_key(request(forwarded="203.0.113.9")) == login_key(request())
    assert address_key(request(forwarded="203.0.113.9")) == address_key(request())


def test_no_username_is_stored_and_odd_ones_raise_nothing() -> None:
    for username in ("owner", "\ud800", ["a"], None, "x" * 9000):
        key = login_key(request(username))
        assert "owner" not in key
        assert len(key) < 100


def passed(times: int) -> int:
    """How many of this many logins pass, in a process that has served none before."""
    caches["default"].clear()
    return [LoginThrottle().allow_request(request(), APIView()) for _ in range(times)].count(True)


def test_without_redis_each_process_counts_by_itself() -> None:
    assert [passed(12), passed(12)] == [10, 10]


@pytest.mark.slow
def test_redis_counts_for_all_processes(redis_server: RedisServer, settings: Settings) -> None:
    settings.REDIS_URL = redis_server.url
    assert [passed(6), passed(6), passed(1)] == [6, 4, 0]
    throttle = LoginThrottle()
    assert not throttle.allow_request(request(), APIView())
    assert 50 < (throttle.wait() or 0) <= 60
    assert AddressThrottle().allow_request(request(), APIView())


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_each_process_counts_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    throttle = LoginThrottle()
    assert passed(12) == 10
    assert not throttle.allow_request(request(), APIView())
    assert 50 < (throttle.wait() or 0) <= 60
    assert [record.message for record in caplog.records] == ["redis.away"]
