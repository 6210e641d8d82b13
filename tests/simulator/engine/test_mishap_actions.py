"""Fault injection on one connection: which actions replace a message, and when."""

from backend.simulator.engine.mishap_actions import (
    TEXT_STREAM_TRIGGERS,
    Close,
    Drop,
    FaultInjector,
    Stall,
    Transmit,
    Wait,
    actions_of,
)
from backend.simulator.engine.mishaps import (
    ENGINE_FAULT_COUNTERS,
    HANDSHAKE_KINDS,
    MEANINGS,
    Kind,
    Mishap,
)
from backend.simulator.engine.outbox import SERVER_EVENT_TYPES
from backend.simulator.engine.text_response import EVENT_TYPES


def test_every_kind_has_a_meaning_and_an_effect() -> None:
    assert MEANINGS.keys() == set(Kind)
    tested_below = {Kind.DUPLICATE, Kind.SLOW, Kind.LEAVE_OUT}
    for kind in set(Kind) - HANDSHAKE_KINDS - ENGINE_FAULT_COUNTERS.keys() - tested_below:
        assert actions_of(Mishap(kind))


def test_events_of_a_type_are_left_out_as_often_as_asked() -> None:
    injector = FaultInjector()
    injector.add(Mishap(Kind.LEAVE_OUT, after="session.updated", count=2), is_open=False)
    assert injector.add(Mishap(Kind.LEAVE_OUT), is_open=True) == []
    assert injector.actions_for("response.done", "x") == []
    assert injector.actions_for("response.done", "x") == [Transmit("x")]
    sent = [injector.actions_for("session.updated", "x") for _ in range(3)]
    assert sent == [[], [], [Transmit("x")]]


def test_a_mishap_happens_once_after_its_count_of_events() -> None:
    injector = FaultInjector()
    injector.add(Mishap(Kind.DROP, after="response.done", count=2), is_open=False)
    assert injector.actions_at_open() == []
    assert injector.actions_for("response.created", "x") == [Transmit("x")]
    assert injector.actions_for("response.done", "x") == [Transmit("x")]
    assert injector.actions_for("response.done", "x") == [Transmit("x"), Drop()]
    assert injector.actions_for("response.done", "x") == [Transmit("x")]


def test_every_default_trigger_is_an_event_type_that_the_engine_sends() -> None:
    for kind in Kind:
        injector = FaultInjector()
        injector.add(Mishap(kind), is_open=False)
        assert all(after in SERVER_EVENT_TYPES for _, after, _ in injector.armed)


def test_every_default_trigger_of_a_text_stream_is_an_event_type_of_it() -> None:
    assert all(after in EVENT_TYPES for after, _ in TEXT_STREAM_TRIGGERS.values())
    injector = FaultInjector(default_triggers=TEXT_STREAM_TRIGGERS)
    injector.add(Mishap(Kind.DROP, count=1), is_open=False)
    assert injector.actions_for("response.output_text.delta", "x") == [Transmit("x"), Drop()]


def test_on_an_open_connection_a_mishap_without_a_trigger_happens_at_once() -> None:
    assert FaultInjector().add(Mishap(Kind.CLOSE, code=1012, reason="r"), is_open=True) == [
        Close(1012, "r")
    ]
    late = FaultInjector()
    assert late.add(Mishap(Kind.DROP, after="response.done"), is_open=True) == []
    assert late.actions_for("response.done", "x")[-1] == Drop()


def test_silent_happens_before_the_first_event() -> None:
    injector = FaultInjector()
    injector.add(Mishap(Kind.SILENT), is_open=False)
    assert injector.actions_at_open() == [Stall(no_pong=False)]


def test_duplicate_and_slow_change_every_event() -> None:
    injector = FaultInjector()
    injector.add(Mishap(Kind.DUPLICATE), is_open=False)
    injector.add(Mishap(Kind.SLOW, delay_s=0.1), is_open=False)
    for _ in range(2):
        assert injector.actions_for("a", "x") == [Wait(0.1), Transmit("x"), Transmit("x")]


def test_garbage_is_four_messages_and_oversized_has_its_size() -> None:
    messages = [
        action.message
        for action in actions_of(Mishap(Kind.GARBAGE))
        if isinstance(action, Transmit)
    ]
    assert len(messages) == 4
    (large,) = actions_of(Mishap(Kind.OVERSIZED, bytes=100_000))
    assert isinstance(large, Transmit) and len(large.message) == 100_000
