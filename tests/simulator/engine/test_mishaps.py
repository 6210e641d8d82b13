"""What goes wrong on request."""

import json
from dataclasses import fields
from typing import Any

import pytest

from backend.simulator.engine.engine import EMITTED
from backend.simulator.engine.mishaps import (
    AT_THE_DOOR,
    IN_THE_ENGINE,
    KEY_LIKE,
    MEANINGS,
    RULES,
    Close,
    Drop,
    Kind,
    Mishap,
    Plan,
    Sabotage,
    Stall,
    Transmit,
    Wait,
    acts_of,
    mishap_of,
    refusal_of,
)


def test_every_kind_is_explained_and_does_something_somewhere() -> None:
    assert MEANINGS.keys() == set(Kind)
    for kind in set(Kind) - AT_THE_DOOR - IN_THE_ENGINE.keys() - {Kind.DUPLICATE, Kind.SLOW}:
        assert acts_of(Mishap(kind))


def test_json_becomes_a_mishap() -> None:
    made = mishap_of({"kind": "close", "code": 1012, "reason": "bye", "times": 3})
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
def test_json_that_is_no_mishap_is_refused_with_what_to_write(given: Any) -> None:
    with pytest.raises(ValueError, match=r"^(Write|Unknown field|The field \w+ is) .*\.$"):
        mishap_of(given)


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
def test_what_can_be_done_is_taken(given: Any) -> None:
    made = mishap_of(given)
    assert all(getattr(made, name) == value for name, value in given.items())


def test_every_field_has_a_rule_that_its_default_keeps() -> None:
    assert {each.name for each in fields(Mishap)} == {"kind", *RULES}
    for each in fields(Mishap):
        value = getattr(Mishap(Kind.DROP), each.name)
        if value is not None and each.name != "kind":
            assert mishap_of({"kind": "drop", each.name: value})


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refusal_looks_like_the_providers_and_quotes_something_like_a_key(status: int) -> None:
    refusal = refusal_of(Mishap(Kind.REFUSE, status=status))
    error = json.loads(refusal.body)["error"]
    assert refusal.status == status
    assert KEY_LIKE in error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (("Retry-After", "7") in refusal.headers) == (status == 429)


def test_a_redirect_leads_elsewhere() -> None:
    refusal = refusal_of(Mishap(Kind.REDIRECT, location="https://other.example/"))
    assert (refusal.status, refusal.headers) == (302, (("Location", "https://other.example/"),))


def test_a_mishap_waits_for_its_moment_and_strikes_once() -> None:
    sabotage = Sabotage()
    sabotage.add(Mishap(Kind.DROP, after="response.done", count=2), is_open=False)
    assert sabotage.opening() == []
    assert sabotage.sending("response.created", "x") == [Transmit("x")]
    assert sabotage.sending("response.done", "x") == [Transmit("x")]
    assert sabotage.sending("response.done", "x") == [Transmit("x"), Drop()]
    assert sabotage.sending("response.done", "x") == [Transmit("x")]


def test_every_usual_moment_is_an_event_that_happens() -> None:
    for kind in Kind:
        sabotage = Sabotage()
        sabotage.add(Mishap(kind), is_open=False)
        assert all(after in EMITTED for _, after, _ in sabotage.waiting)


def test_on_an_open_line_it_strikes_at_once() -> None:
    assert Sabotage().add(Mishap(Kind.CLOSE, code=1012, reason="r"), is_open=True) == [
        Close(1012, "r")
    ]
    late = Sabotage()
    assert late.add(Mishap(Kind.DROP, after="response.done"), is_open=True) == []
    assert late.sending("response.done", "x")[-1] == Drop()


def test_some_begin_before_the_first_event() -> None:
    sabotage = Sabotage()
    sabotage.add(Mishap(Kind.SILENT), is_open=False)
    assert sabotage.opening() == [Stall(no_pong=False)]


def test_some_last_all_along() -> None:
    sabotage = Sabotage()
    sabotage.add(Mishap(Kind.DUPLICATE), is_open=False)
    sabotage.add(Mishap(Kind.SLOW, delay_s=0.1), is_open=False)
    for _ in range(2):
        assert sabotage.sending("a", "x") == [Wait(0.1), Transmit("x"), Transmit("x")]


def test_garbage_is_none_of_it_an_event_and_the_oversized_one_has_its_size() -> None:
    messages = [act.message for act in acts_of(Mishap(Kind.GARBAGE)) if isinstance(act, Transmit)]
    assert len(messages) == 4
    (large,) = acts_of(Mishap(Kind.OVERSIZED, bytes=100_000))
    assert isinstance(large, Transmit) and len(large.message) == 100_000


def test_a_plan_is_used_up_call_by_call() -> None:
    plan = Plan()
    plan.add(Mishap(Kind.DROP, times=2))
    plan.add(Mishap(Kind.SLOW, times=0))
    plan.add(Mishap(Kind.STALL))
    kinds = [[each.kind for each in plan.for_next_call()] for _ in range(3)]
    assert kinds == [[Kind.DROP, Kind.SLOW, Kind.STALL], [Kind.DROP, Kind.SLOW], [Kind.SLOW]]
    plan.clear()
    assert plan.for_next_call() == []
