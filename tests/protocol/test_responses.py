"""The transitions of a response, and which response is active."""

from typing import Any

import pytest

from backend.protocol.responses import TRANSITIONS, ResponseLife, ResponseNews, ResponseState

ENDS = [
    ResponseState.COMPLETED,
    ResponseState.CANCELLED,
    ResponseState.INCOMPLETE,
    ResponseState.FAILED,
]


def _created(response_id: str, **more: Any) -> dict[str, Any]:
    response = {"id": response_id, "status": "in_progress", **more}
    return {"type": "response.created", "response": response}


def _done(response_id: str, status: Any = "completed", **more: Any) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": response_id, "status": status, **more}}


def _life(*events: dict[str, Any]) -> ResponseLife:
    life = ResponseLife()
    for event in events:
        life.feed(event)
    return life


def test_every_state_has_its_row_and_only_known_ones_are_reached() -> None:
    assert set(TRANSITIONS) == set(ResponseState)
    for row in TRANSITIONS.values():
        assert set(row) <= set(ResponseNews)
        assert set(row.values()) <= set(ResponseState) - {ResponseState.UNSEEN}


@pytest.mark.parametrize("end", ENDS)
def test_an_end_has_no_transition(end: ResponseState) -> None:
    assert TRANSITIONS[end] == {}


def test_nothing_is_active_before_the_first_response() -> None:
    life = _life()
    assert not life.is_active
    assert life.active_id is None
    assert life.state_of("resp_1") is ResponseState.UNSEEN


def test_a_response_is_active_from_its_creation_to_its_end() -> None:
    life = _life(_created("resp_1"))
    assert life.active_id == "resp_1"
    assert life.is_active
    life.feed(_done("resp_1"))
    assert not life.is_active
    assert life.state_of("resp_1") is ResponseState.COMPLETED


@pytest.mark.parametrize("end", ENDS)
def test_each_end_makes_a_response_inactive(end: ResponseState) -> None:
    life = _life(_created("resp_1"), _done("resp_1", end.value))
    assert life.state_of("resp_1") is end
    assert not life.is_active


@pytest.mark.parametrize("status", ["abandoned", None, 5, "in_progress"])
def test_an_unknown_status_is_an_end(status: Any) -> None:
    assert not _life(_created("resp_1"), _done("resp_1", status)).is_active


def test_late_and_repeated_events_do_not_reactivate_a_response() -> None:
    life = _life(_created("resp_1"), _done("resp_1", "cancelled"))
    for event in (_created("resp_1"), _done("resp_1", "completed")):
        life.feed(event)
    assert life.state_of("resp_1") is ResponseState.CANCELLED
    assert not life.is_active


def test_an_end_without_a_beginning_leaves_nothing_active() -> None:
    life = _life(_done("resp_1", "failed"))
    assert life.state_of("resp_1") is ResponseState.FAILED
    assert not life.is_active


def test_an_out_of_band_response_is_not_active() -> None:
    life = _life(_created("resp_1", conversation_id=None))
    assert life.state_of("resp_1") is ResponseState.GENERATING
    assert life.is_out_of_band("resp_1")
    assert not life.is_out_of_band("resp_2")
    assert not life.is_active


def test_a_response_in_the_conversation_is_active_beside_an_out_of_band_one() -> None:
    life = _life(
        _created("resp_1", conversation_id="conv_1"), _created("resp_2", conversation_id=None)
    )
    assert life.active_id == "resp_1"
    life.feed(_done("resp_1", conversation_id="conv_1"))
    assert life.active_id is None


def test_a_response_without_a_conversation_id_is_in_the_conversation() -> None:
    assert _life(_created("resp_1")).is_active


def test_of_several_responses_the_newest_is_active() -> None:
    life = _life(_created("resp_1"), _created("resp_2"))
    assert life.active_id == "resp_2"
    life.feed(_done("resp_2"))
    assert life.active_id == "resp_1"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": 5},
        {"type": "error", "response_id": "resp_1"},
        {"type": "rate_limits.updated"},
        {"type": "response.created"},
        {"type": "response.created", "response": []},
        {"type": "response.created", "response": {"id": None}},
        {"type": "response.created", "response": {"id": ""}},
        {"type": "response.done", "response": "resp_1"},
        {"type": "response.output_text.delta", "response_id": "resp_1"},
        {"type": "conversation.item.added", "response_id": "resp_1"},
    ],
)
def test_an_event_about_no_response_changes_nothing(event: dict[str, Any]) -> None:
    life = _life(event)
    assert not life.is_active
    assert life.state_of("resp_1") is ResponseState.UNSEEN
