"""What goes out."""

from itertools import count

from backend.simulator.engine.effects import HangUp, Send
from backend.simulator.engine.errors import Refused
from backend.simulator.engine.outbox import Outbox
from tests.simulator.equipment import Bench


def outbox() -> Outbox:
    numbers = count(1)
    return Outbox(lambda prefix: f"{prefix}_{next(numbers)}")


def test_effects_are_taken_once_in_the_order_they_came() -> None:
    out = outbox()
    out.send("input_audio_buffer.cleared")
    out.put(HangUp(1001, "over"))
    assert out.take() == [
        Send({"type": "input_audio_buffer.cleared", "event_id": "event_1"}),
        HangUp(1001, "over"),
    ]
    assert out.take() == []


def test_a_refusal_becomes_an_error_that_names_the_clients_event() -> None:
    out = outbox()
    out.refuse(Refused("invalid_value", "No.", "audio"), "mine")
    (sent,) = out.take()
    assert isinstance(sent, Send)
    assert sent.event["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "No.",
        "param": "audio",
        "event_id": "mine",
    }


def test_every_event_has_an_id_of_its_own() -> None:
    bench = Bench()
    bench.send("response.create")
    ids = [event["event_id"] for event in bench.events]
    assert len(set(ids)) == len(ids)
