"""Mishaps: parsing, HTTP errors, and the queue for the next calls."""

import json
from dataclasses import fields
from typing import Any

import pytest

from backend.simulator.engine.mishaps import (
    FAKE_KEY,
    REALTIME_ONLY_KINDS,
    RULES,
    Kind,
    Mishap,
    PendingMishaps,
    http_refusal,
    parse_mishap,
)


def test_a_json_object_is_parsed_into_a_mishap() -> None:
    made = parse_mishap({"kind": "close", "code": 1012, "reason": "bye", "times": 3})
    assert made == Mishap(Kind.CLOSE, code=1012, reason="bye", times=3)


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {},
        {"kind": "party"},
        {"kind": []},
        {"kind": "drop", "loudness": 3},
        *({"kind": "drop", name: {}} for name in RULES),
        {"kind": "drop", "times": "often"},
        {"kind": "drop", "times": True},
        {"kind": "drop", "times": -1},
        {"kind": "drop", "calls": "all"},
        {"kind": "drop", "api": "chat"},
        {"kind": "drop", "after": "response.finished"},
        {"kind": "drop", "count": 0},
        {"kind": "refuse", "status": 7},
        {"kind": "refuse", "status": 399},
        {"kind": "refuse", "status": 600},
        {"kind": "refuse", "status": 429, "retry_after_s": -1},
        {"kind": "redirect", "location": ""},
        {"kind": "redirect", "location": "https://x/\r\nSet-Cookie: a=b"},
        {"kind": "redirect", "location": "https://日本.example/"},
        {"kind": "close", "code": 99_999},
        *({"kind": "close", "code": code} for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000)),
        {"kind": "close", "reason": "x" * 124},
        {"kind": "close", "reason": "あ" * 42},
        {"kind": "close", "reason": "\ud800"},
        {"kind": "oversized", "bytes": 10**12},
        {"kind": "slow", "delay_s": -1},
        {"kind": "slow", "delay_s": 61},
        {"kind": "slow", "delay_s": float("nan")},
        {"kind": "slow", "delay_s": float("inf")},
    ],
)
def test_an_invalid_mishap_is_refused_and_the_message_says_what_to_write(given: Any) -> None:
    with pytest.raises(ValueError, match=r"^(Write|Unknown field|The field \w+ is) .*\.$"):
        parse_mishap(given)


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "drop", "after": "response.done", "count": 2, "times": 0},
        {"kind": "refuse", "status": 400, "retry_after_s": 0},
        {"kind": "refuse", "status": 599},
        *({"kind": "close", "code": code} for code in (1000, 1001, 1011, 1014, 3000, 4999)),
        {"kind": "close", "reason": "あ" * 41},
        {"kind": "slow", "delay_s": 1},
    ],
)
def test_valid_fields_are_kept(given: Any) -> None:
    made = parse_mishap(given)
    assert all(getattr(made, name) == value for name, value in given.items())


def test_every_field_has_a_rule_that_accepts_its_default() -> None:
    assert {each.name for each in fields(Mishap)} == {"kind", *RULES}
    for each in fields(Mishap):
        value = getattr(Mishap(Kind.DROP), each.name)
        if value is not None and each.name != "kind":
            assert parse_mishap({"kind": "drop", each.name: value})


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_an_http_refusal_has_the_providers_format_and_quotes_a_fake_key(status: int) -> None:
    refusal = http_refusal(Mishap(Kind.REFUSE, status=status))
    error = json.loads(refusal.body)["error"]
    assert refusal.status == status
    assert FAKE_KEY in error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (("Retry-After", "7") in refusal.headers) == (status == 429)


def test_a_redirect_has_the_location() -> None:
    refusal = http_refusal(Mishap(Kind.REDIRECT, location="https://other.example/"))
    assert (refusal.status, refusal.headers) == (302, (("Location", "https://other.example/"),))


def test_pending_mishaps_are_used_up_call_by_call() -> None:
    pending = PendingMishaps()
    pending.add(Mishap(Kind.DROP, times=2))
    pending.add(Mishap(Kind.SLOW, times=0))
    pending.add(Mishap(Kind.STALL))
    kinds = [[each.kind for each in pending.take_for_next_call()] for _ in range(3)]
    assert kinds == [[Kind.DROP, Kind.SLOW, Kind.STALL], [Kind.DROP, Kind.SLOW], [Kind.SLOW]]
    pending.clear()
    assert pending.take_for_next_call() == []


def test_a_mishap_for_one_api_waits_for_it() -> None:
    pending = PendingMishaps()
    pending.add(Mishap(Kind.DROP, api="responses"))
    pending.add(Mishap(Kind.SLOW, api="realtime"))
    assert pending.take_for_next_call("transcriptions") == []
    assert [each.kind for each in pending.take_for_next_call("responses")] == [Kind.DROP]
    assert [each.kind for each in pending.take_for_next_call()] == [Kind.SLOW]


def test_a_rest_request_leaves_the_mishaps_of_a_session_to_the_next_call() -> None:
    pending = PendingMishaps()
    for kind in (Kind.STALL, *REALTIME_ONLY_KINDS):
        pending.add(Mishap(kind))
    assert [each.kind for each in pending.take_for_next_call("responses")] == [Kind.STALL]
    assert {each.kind for each in pending.take_for_next_call()} == REALTIME_ONLY_KINDS
