"""The decisions of a call that watches: WebRTC carries the client's audio and events past it."""

import dataclasses
import json
from typing import Any

import pytest

from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import TurnStatus
from backend.relay.call_logic import CallLogic, State
from backend.relay.effects import Effect, HangUp, KeepTurn, LogEvent, ToClient, ToUpstream
from backend.relay.plan import CONFIGURE_ID
from backend.telemetry.counters import ProcessCounters
from tests.relay.equipment import (
    PAST,
    START,
    at,
    audio_delta,
    created,
    frame,
    item_event,
    plan,
    response_created,
    response_done,
    words,
)


class Watched:
    """A watched call that is ready, with all of its effects."""

    def __init__(self, *past: Any) -> None:
        self.plan = dataclasses.replace(plan(*past), is_watched=True)
        self.counters = ProcessCounters()
        self.logic = CallLogic(self.plan, START, self.counters)
        self.effects: list[Effect] = []
        self.effects += self.logic.open(created(), at(0))
        self.feed(0, self.updated())

    def updated(self, **changes: Any) -> str:
        return frame(type="session.updated", session={**self.plan.session, **changes})

    def feed(self, seconds: float, *texts: str) -> list[Effect]:
        new = [each for text in texts for each in self.logic.from_upstream(text, at(seconds))]
        self.effects += new
        return new

    def tick(self, seconds: float) -> list[Effect]:
        new = self.logic.tick(at(seconds))
        self.effects += new
        return new

    def answer(self, text: str = "One two three four five.") -> None:
        self.feed(
            1.0,
            frame(type="input_audio_buffer.speech_started", item_id="item_q"),
            frame(type="input_audio_buffer.speech_stopped", item_id="item_q"),
            response_created(),
            item_event("added", "item_a", role="assistant", status="in_progress"),
            words("item_a", text),
        )

    def end(self, text: str = "One two three four five.") -> None:
        content = [{"type": "output_audio", "transcript": text}]
        self.feed(
            1.2,
            frame(type="response.output_audio.done", response_id="resp_1", item_id="item_a"),
            item_event("done", "item_a", role="assistant", status="completed", content=content),
            response_done(),
        )

    def output(self, kind: str, seconds: float) -> list[Effect]:
        return self.feed(seconds, frame(type=f"output_audio_buffer.{kind}", response_id="resp_1"))

    def turn(self) -> Any:
        """The newest version of the answer's turn."""
        return [each.turn for each in self.effects if isinstance(each, KeepTurn)][-1]

    def sent(self, effects: list[Effect]) -> list[dict[str, Any]]:
        return [json.loads(each.text) for each in effects if isinstance(each, ToUpstream)]


def test_it_replays_the_past_and_is_ready_like_any_call() -> None:
    watched = Watched(*PAST)
    sent = [event["type"] for event in watched.sent(watched.effects)]
    assert sent == ["session.update", "conversation.item.create", "conversation.item.create"]
    watched.feed(0.1, *(item_event("added", item.item_id) for item in PAST))
    assert watched.logic.state is State.READY


def test_audio_deltas_reach_no_client_and_the_first_sound_is_when_it_is_played() -> None:
    watched = Watched()
    watched.answer()
    assert not [e for e in watched.feed(1.1, audio_delta("item_a")) if isinstance(e, ToClient)]
    watched.end()
    watched.output("started", 1.7)
    watched.output("stopped", 3.0)
    watched.logic.hang_up(Ending.CLIENT_LEFT, at(4))
    assert watched.turn().first_sound_ms == 700
    assert (watched.turn().status, watched.turn().heard_ms) == (TurnStatus.COMPLETED, None)
    assert sum(watched.counters.first_sound.counts) == 1


def test_the_end_of_the_call_cuts_an_answer_off_where_it_is_heard() -> None:
    watched = Watched()
    watched.answer()
    watched.end()
    watched.output("started", 2.0)
    watched.effects += watched.logic.hang_up(Ending.CLIENT_LEFT, at(2.8))
    turn = watched.turn()
    assert (turn.status, turn.heard_ms) == (TurnStatus.INTERRUPTED, 800)
    assert turn.heard_text == "One two"


def test_the_providers_truncation_says_what_was_heard() -> None:
    watched = Watched()
    watched.answer()
    watched.end()
    watched.output("started", 2.0)
    watched.output("cleared", 2.8)
    truncated = {"item_id": "item_a", "content_index": 0, "audio_end_ms": 610}
    watched.feed(2.8, frame(type="conversation.item.truncated", **truncated))
    watched.tick(9)
    assert watched.turn().heard_ms == 610
    assert watched.turn().heard_text == "One two"


def test_without_a_truncation_the_time_until_the_clear_says_it() -> None:
    watched = Watched()
    watched.answer()
    watched.end()
    watched.output("started", 2.0)
    watched.output("cleared", 2.8)
    watched.tick(3.0)
    assert watched.turn().heard_ms is None
    watched.tick(5.5)
    assert watched.turn().heard_ms == 800


def test_a_call_that_must_end_waits_until_the_answer_was_heard() -> None:
    watched = Watched()
    watched.answer()
    watched.end()
    assert not _hangs_up(watched.logic.leave(Ending.TIME_LIMIT, at(1.3)))
    watched.output("started", 1.5)
    assert not _hangs_up(watched.tick(4.0))
    watched.output("stopped", 4.2)
    assert _hangs_up(watched.tick(4.3)) == [Ending.TIME_LIMIT]


def test_a_changed_session_is_restored_and_then_the_call_ends() -> None:
    watched = Watched()
    for _ in range(3):
        effects = watched.feed(2, watched.updated(instructions="Be rude."))
        assert [event["event_id"] for event in watched.sent(effects)] == [CONFIGURE_ID]
        assert LogEvent("call.session_changed", "restored") in effects
        assert not watched.sent(watched.feed(2, watched.updated()))
    effects = watched.feed(2, watched.updated(tools=[{"type": "function", "name": "buy"}]))
    assert _hangs_up(effects) == [Ending.BAD_FRAMES]


def test_a_restoration_that_is_refused_ends_the_call() -> None:
    watched = Watched()
    watched.feed(2, watched.updated(instructions="Be rude."))
    error = {"type": "server_error", "code": "server_error", "event_id": CONFIGURE_ID}
    assert _hangs_up(watched.feed(2, frame(type="error", error=error)))


def test_a_sideband_that_has_joined_again_configures_again() -> None:
    watched = Watched(*PAST)
    watched.feed(0.1, item_event("added", PAST[0].item_id))
    sent = watched.sent(watched.feed(1, created()))
    assert [event["type"] for event in sent] == ["session.update", "conversation.item.create"]
    assert sent[1]["item"]["id"] == PAST[1].item_id


@pytest.mark.parametrize("ending", [Ending.PROVIDER_FAILED, Ending.PROVIDER_UNAVAILABLE])
def test_it_cannot_move_to_another_connection(ending: Ending) -> None:
    watched = Watched()
    assert not watched.logic.survives_loss(ending)
    assert watched.logic.due_step(at(3600)) is None


def _hangs_up(effects: list[Effect]) -> list[Ending]:
    return [each.ending for each in effects if isinstance(each, HangUp)]
