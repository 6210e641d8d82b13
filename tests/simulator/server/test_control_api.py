"""The HTTP control API."""

import json
from typing import Any

import pytest

from backend.simulator.engine.client_secrets import ClientSecrets
from backend.simulator.engine.mishaps import Kind, Mishap, PendingMishaps
from backend.simulator.server.call_records import CallRecords
from backend.simulator.server.control_api import ControlState, handle
from backend.simulator.server.webrtc_calls import WebRtcCounts


@pytest.fixture
def injected() -> list[Mishap]:
    return []


@pytest.fixture
def state(injected: list[Mishap]) -> ControlState:
    def inject(mishap: Mishap) -> int:
        injected.append(mishap)
        return 2

    counts = WebRtcCounts(live=2, unwatched=1, ephemeral=0)
    return ControlState(CallRecords(10_000), PendingMishaps(), inject, lambda: counts, lambda: None)


def ask(state: ControlState, method: str, path: str, body: object = None) -> tuple[int, Any]:
    found = handle(state, method, path, json.dumps(body).encode())
    return found.status, json.loads(found.body) if found.body else None


def test_calls_lists_the_records(state: ControlState) -> None:
    state.records.open("gpt-realtime", {"host": "x"}, 1.0)
    status, body = ask(state, "GET", "/simulator/calls")
    assert (status, body["calls"][0]["model"]) == (200, "gpt-realtime")
    assert body["webrtc"] == {"live": 2, "unwatched": 1, "ephemeral": 0}


def test_audio_returns_the_audio_of_a_call(state: ControlState) -> None:
    record = state.records.open("m", {}, 1.0)
    state.records.add_audio(record, b"\x01\x02")
    found = handle(state, "GET", "/simulator/calls/1/audio", b"")
    assert (found.status, found.body) == (200, b"\x01\x02")
    assert ask(state, "GET", "/simulator/calls/9/audio")[0] == 404


def test_a_mishap_is_added_listed_and_removed(state: ControlState) -> None:
    assert ask(state, "POST", "/simulator/mishaps", {"kind": "drop"}) == (201, {"pending": 1})
    assert ask(state, "GET", "/simulator/mishaps/")[1]["pending"][0]["kind"] == "drop"
    assert ask(state, "DELETE", "/simulator/mishaps") == (204, None)
    assert state.pending_mishaps.pending == []


def test_a_mishap_for_running_calls_is_injected_at_once(
    state: ControlState, injected: list[Mishap]
) -> None:
    found = ask(state, "POST", "/simulator/mishaps", {"kind": "stall", "calls": "running"})
    assert found == (200, {"affected_calls": 2})
    assert [each.kind for each in injected] == [Kind.STALL]
    assert state.pending_mishaps.pending == []


def test_all_ephemeral_keys_can_expire_now() -> None:
    secrets = ClientSecrets()
    secrets.create({}, "ek_1", "sess_1", 0)
    counts = WebRtcCounts(live=0, unwatched=0, ephemeral=0)
    state = ControlState(
        CallRecords(1), PendingMishaps(), lambda _: 0, lambda: counts, secrets.expire_all
    )
    assert ask(state, "DELETE", "/simulator/client-secrets") == (204, None)
    assert secrets.find("ek_1", 1) is None


def test_invalid_requests_get_an_error(state: ControlState) -> None:
    assert ask(state, "POST", "/simulator/mishaps", {"kind": "party"})[0] == 400
    status, body = ask(state, "POST", "/simulator/mishaps", {"kind": "close", "code": 99_999})
    assert (status, body["error"]) == (
        400,
        "The field code must be a close code that may be sent: "
        "1000 to 1003, 1007 to 1014, 3000 to 4999.",
    )
    for body in (b"{", b"\xff", b"[" * 50_000):
        assert handle(state, "POST", "/simulator/mishaps", body).status == 400
    assert state.pending_mishaps.pending == []
    assert ask(state, "GET", "/simulator/nothing")[0] == 404
    assert ask(state, "PUT", "/simulator/calls")[0] == 405
