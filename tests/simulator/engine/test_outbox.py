"""The queue of effects."""

from itertools import count

from backend.simulator.engine.effects import CloseWebSocket, Send
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.outbox import Outbox
from tests.simulator.equipment import EngineBench


def outbox() -> Outbox:
    numbers = count(1)
    return Outbox(lambda prefix: f"{prefix}_{next(numbers)}")


def test_effects_are_taken_once_in_the_order_they_came() -> None:
    out = outbox()
    out.send("input_audio_buffer.cleared")
    out.put(CloseWebSocket(1001, "over"))
    assert out.take() == [
        Send({"type": "input_audio_buffer.cleared", "event_id": "event_1"}),
        CloseWebSocket(1001, "over"),
    ]
    assert out.take() == []


def test_an_error_event_names_the_client_event_it_refuses() -> None:
    out = outbox()
    out.send_error(ClientEventError("invalid_value", "No.", "audio"), "mine")
    (sent,) = out.take()
    assert isinstance(sent, Send)
    assert sent.event["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "No.",
        "param": "audio",
        "event_id": "mine",
    }


def test_every_event_has_a_unique_id() -> None:
    bench = EngineBench()
    bench.send("response.create")
    ids = [event["event_id"] for event in bench.events]
    assert len(set(ids)) == len(ids)
