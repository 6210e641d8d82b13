"""The HTTP surface for tests and demos."""

import json
from typing import Any

import pytest

from backend.simulator.engine.mishaps import Kind, Mishap, Plan
from backend.simulator.server.call_records import Records
from backend.simulator.server.control_api import Desk, answer


@pytest.fixture
def befallen() -> list[Mishap]:
    return []


@pytest.fixture
def desk(befallen: list[Mishap]) -> Desk:
    def befall(mishap: Mishap) -> int:
        befallen.append(mishap)
        return 2

    return Desk(Records(10_000), Plan(), befall)


def ask(desk: Desk, method: str, path: str, body: object = None) -> tuple[int, Any]:
    found = answer(desk, method, path, json.dumps(body).encode())
    return found.status, json.loads(found.body) if found.body else None


def test_it_lists_the_calls(desk: Desk) -> None:
    desk.records.open("gpt-realtime", {"host": "x"}, 1.0)
    status, told = ask(desk, "GET", "/simulator/calls")
    assert (status, told["calls"][0]["model"]) == (200, "gpt-realtime")


def test_it_gives_the_sound_of_a_call(desk: Desk) -> None:
    record = desk.records.open("m", {}, 1.0)
    desk.records.hear(record, b"\x01\x02")
    found = answer(desk, "GET", "/simulator/calls/1/audio", b"")
    assert (found.status, found.body) == (200, b"\x01\x02")
    assert ask(desk, "GET", "/simulator/calls/9/audio")[0] == 404


def test_a_mishap_is_planned_shown_and_cleared(desk: Desk) -> None:
    assert ask(desk, "POST", "/simulator/mishaps", {"kind": "drop"}) == (201, {"pending": 1})
    assert ask(desk, "GET", "/simulator/mishaps/")[1]["pending"][0]["kind"] == "drop"
    assert ask(desk, "DELETE", "/simulator/mishaps") == (204, None)
    assert desk.plan.pending == []


def test_a_mishap_may_befall_the_running_calls(desk: Desk, befallen: list[Mishap]) -> None:
    found = ask(desk, "POST", "/simulator/mishaps", {"kind": "stall", "calls": "running"})
    assert found == (200, {"befell": 2})
    assert [each.kind for each in befallen] == [Kind.STALL]
    assert desk.plan.pending == []


def test_what_it_cannot_do_is_said(desk: Desk) -> None:
    assert ask(desk, "POST", "/simulator/mishaps", {"kind": "party"})[0] == 400
    status, told = ask(desk, "POST", "/simulator/mishaps", {"kind": "close", "code": 99_999})
    assert (status, told["error"]) == (
        400,
        "The field code is a close code that may be sent: "
        "1000 to 1003, 1007 to 1014, 3000 to 4999.",
    )
    for body in (b"{", b"\xff", b"[" * 50_000):
        assert answer(desk, "POST", "/simulator/mishaps", body).status == 400
    assert desk.plan.pending == []
    assert ask(desk, "GET", "/simulator/nothing")[0] == 404
    assert ask(desk, "PUT", "/simulator/calls")[0] == 405
