"""A call outlives its connections: when it moves, what it keeps, and when it gives up."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.endings import Ending
from backend.protocol.frames import peek_from_upstream
from backend.protocol.transcript.turns import Turn, TurnStatus
from backend.relay.call_logic import CallLogic, State
from backend.relay.effects import (
    CountUsage,
    DropNext,
    DropUpstream,
    Effect,
    HangUp,
    KeepTurn,
    LogEvent,
    OpenNext,
    SwitchUpstream,
    ToClient,
    ToNext,
    ToUpstream,
)
from backend.relay.limits import DEFAULT_LIMITS, Limits
from backend.relay.plan import PastItem, replays_of
from backend.relay.rotation import (
    DEFAULT_ROTATION_LIMITS,
    Cap,
    News,
    NextFailed,
    Phase,
    Reason,
    Rotation,
    Step,
)
from backend.telemetry.counters import ProcessCounters
from tests.relay.equipment import (
    PAST,
    append,
    at,
    audio_delta,
    created,
    frame,
    item_event,
    plan,
    provider_error,
    response_created,
    response_done,
    session,
    typed,
    updated,
    words,
)

QUIET = Limits(idle_s=1e9)


def test_a_connection_ends_before_the_providers_own_bounds() -> None:
    assert DEFAULT_ROTATION_LIMITS.provider_cap_s <= 60 * 60
    assert DEFAULT_ROTATION_LIMITS.rotate_late_s < DEFAULT_ROTATION_LIMITS.rotate_before_s


def test_a_move_to_another_connection_holds_no_more_audio_than_is_kept() -> None:
    held_ms = (DEFAULT_ROTATION_LIMITS.rotation_hold_s + DEFAULT_LIMITS.tick_s) * 1000
    assert held_ms < DEFAULT_LIMITS.held_audio_ms


def created_until(seconds: float) -> str:
    """`session.created` of a session that ends this many seconds after the start."""
    expires_at = at(seconds).timestamp()
    return frame(type="session.created", event_id="e", session=session(expires_at=expires_at))


class Scene:
    """A call in state READY, its effects by kind, and its time."""

    def __init__(
        self, *past: PastItem, limits: Limits = QUIET, until_s: float = 3600, tokens: int = 12_000
    ) -> None:
        self.counters = ProcessCounters()
        made = plan(*past, limits=limits, history_tokens=tokens)
        self.logic = CallLogic(made, at(0), self.counters)
        self.effects: list[Effect] = []
        self.now_s = 0.0
        self.put(self.logic.open(created_until(until_s), at(0)))
        self.upstream(updated())
        for replay in replays_of(past):
            self.upstream(item_event("added", replay.item_id))
        assert self.is_in(State.READY)
        self.effects.clear()

    def put(self, effects: list[Effect]) -> list[Effect]:
        self.effects += effects
        return effects

    def client(self, *texts: str) -> list[Effect]:
        return [e for text in texts for e in self.put(self.logic.from_client(text, self.time))]

    def upstream(self, *texts: str) -> list[Effect]:
        return [e for text in texts for e in self.put(self.logic.from_upstream(text, self.time))]

    def next(self, *texts: str) -> list[Effect]:
        return [e for text in texts for e in self.put(self.logic.from_next(text, self.time))]

    def is_in(self, state: State) -> bool:
        return self.logic.state is state

    @property
    def time(self) -> Any:
        return at(self.now_s)

    def wait(self, until_s: float) -> list[Effect]:
        """Let time pass to this second; returns what it demanded then."""
        self.now_s = until_s
        effects = self.put(self.logic.tick(self.time))
        step = self.logic.due_step(self.time)
        return effects + (self.put(self.logic.take_step(step, self.time)) if step else [])

    def stand_by(self, at_s: float = 3300) -> None:
        """Open the next connection before the cap, and configure it."""
        assert self.wait(at_s) == [OpenNext(0.0)]
        update = self.put(self.logic.open_next(created_until(at_s + 3600), self.time))
        assert [kind(effect) for effect in update] == ["session.update"]
        assert self.next(updated()) == []

    def replayed(self) -> list[Effect]:
        """The provider accepts every item of the history on the next connection."""
        asked = [json.loads(e.text) for e in self.effects if isinstance(e, ToNext)]
        items = [event["item"]["id"] for event in asked if "item" in event]
        return [effect for item in items for effect in self.next(item_event("added", item))]

    def lose(self, ending: Ending = Ending.PROVIDER_FAILED) -> list[Effect]:
        return self.put(self.logic.lose_upstream(ending, self.time))

    def reconnect(self) -> list[Effect]:
        """Open the next connection after a loss, configure it, and accept the history."""
        self.put(self.logic.open_next(created_until(self.now_s + 3600), self.time))
        effects = self.next(updated())
        return effects + self.replayed()

    def speak(self, item_id: str, text: str, previous: str | None = None) -> None:
        """The user speaks a whole turn; its answer is still to come."""
        self.upstream(
            frame(type="input_audio_buffer.speech_started", item_id=item_id),
            frame(type="input_audio_buffer.speech_stopped", item_id=item_id),
            frame(type="input_audio_buffer.committed", item_id=item_id, previous_item_id=previous),
            item_event("added", item_id, previous),
            frame(
                type="conversation.item.input_audio_transcription.completed",
                item_id=item_id,
                content_index=0,
                transcript=text,
            ),
        )

    def answer(self, item_id: str, text: str, previous: str, ms: int = 100) -> None:
        """A whole answer by voice."""
        response_id = f"resp_{item_id}"
        part = {"type": "output_audio", "transcript": text}
        item: dict[str, Any] = {"status": "completed", "content": [part]}
        usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        self.upstream(
            response_created(response_id),
            item_event("added", item_id, previous, "assistant"),
            words(item_id, text, response_id),
            audio_delta(item_id, ms, response_id),
            item_event("done", item_id, previous, "assistant", **item),
            response_done(response_id, usage=usage),
        )

    def turns(self) -> list[Turn]:
        newest = {
            (effect.turn.item_id, effect.turn.content_index): effect.turn
            for effect in self.effects
            if isinstance(effect, KeepTurn)
        }
        return sorted(newest.values(), key=lambda turn: turn.position)

    def said(self) -> list[tuple[str, str, str, int]]:
        return [(t.item_id, t.text, str(t.status), t.position) for t in self.turns()]

    def kinds(self) -> list[str]:
        return [kind(effect) for effect in self.effects]


def kind(effect: Effect) -> str:
    """The event's type, or the effect's name."""
    if isinstance(effect, ToClient | ToUpstream | ToNext):
        return str(json.loads(effect.text)["type"])
    return type(effect).__name__


def sent(effects: list[Effect], to: type[ToClient | ToUpstream | ToNext]) -> list[dict[str, Any]]:
    return [json.loads(effect.text) for effect in effects if isinstance(effect, to)]


# The cap


@pytest.mark.parametrize(
    ("expires_at", "rotate_at", "late_at"),
    [
        (None, 3300, 3580),
        (3600, 3300, 3580),
        (1800, 1500, 1780),
        (60, 30, 54),
        (5, 2.5, 4.5),
        # No connection lives longer: our clock is late. Or the time is past: it is early.
        (9000, 3300, 3580),
        (-10, 3300, 3580),
        ("soon", 3300, 3580),
        (10**400, 3300, 3580),
    ],
)
def test_a_connection_is_left_before_its_cap(
    expires_at: Any, rotate_at: float, late_at: float
) -> None:
    event = {"session": {} if expires_at is None else {"expires_at": expires_at}}
    assert Cap.of(event, 0.0, DEFAULT_ROTATION_LIMITS) == Cap(rotate_at, late_at)


def test_at_a_quiet_moment_before_the_cap_the_call_moves() -> None:
    scene = Scene(*PAST)
    scene.speak("item_u", "Hello?")
    scene.answer("item_a", "Yes?", "item_u")
    assert scene.wait(3299) == []
    scene.stand_by()
    assert scene.is_in(State.READY)
    scene.effects.clear()

    effects = scene.wait(3301)
    assert scene.is_in(State.RENEWING)
    assert sent(effects, ToClient)[0]["type"] == "relay.rotating"
    assert sent(effects, ToClient)[0]["reason"] == "cap"
    assert [
        (event["item"]["id"], event["item"]["role"], event["item"]["content"][0])
        for event in sent(effects, ToNext)
    ] == [
        ("item_past_user", "user", {"type": "input_text", "text": "My name is Aoi."}),
        (
            "item_past_reply",
            "assistant",
            {"type": "output_text", "text": "Nice to meet you, Aoi."},
        ),
        ("item_u", "user", {"type": "input_text", "text": "Hello?"}),
        ("item_a", "assistant", {"type": "output_text", "text": "Yes?"}),
    ]
    spoken = [append(), append(sample=b"\3\4")]
    assert scene.client(*spoken, typed("And?", "item_typed")) == []
    effects = scene.replayed()
    assert scene.is_in(State.READY)
    assert [kind(effect) for effect in effects] == [
        "SwitchUpstream",
        "LogEvent",
        "relay.rotated",
        "input_audio_buffer.append",
        "input_audio_buffer.append",
        "conversation.item.create",
    ]
    assert [e.text for e in effects if isinstance(e, ToUpstream)][:2] == spoken
    assert sent(effects, ToClient)[0]["result"] == "renewed"
    assert scene.client(append()) == [ToUpstream(append())]
    assert scene.counters.rotations == {"cap_renewed": 1}


def test_three_moves_keep_the_order_and_write_no_turn_twice() -> None:
    scene = Scene()
    previous: str | None = None
    for number in range(4):
        scene.speak(f"item_u{number}", f"Question {number}", previous)
        scene.answer(f"item_a{number}", f"Answer {number}", f"item_u{number}")
        scene.now_s += 1
        if number == 3:
            break
        before = len(scene.effects)
        scene.stand_by(scene.now_s + 3300)
        scene.wait(scene.now_s + 1)
        assert not [e for e in scene.effects[before:] if isinstance(e, KeepTurn)]
        replays = sent(scene.effects[before:], ToNext)[1:]
        assert len(replays) == 2 * number + 2
        for replay in replays:
            scene.next(item_event("added", replay["item"]["id"]))
            scene.upstream(item_event("done", replay["item"]["id"]))
        previous = replays[-1]["item"]["id"]
    assert scene.said() == [
        (f"item_{side}{number}", f"{word} {number}", "completed", 2 * number + (side == "a"))
        for number in range(4)
        for side, word in (("u", "Question"), ("a", "Answer"))
    ]
    usages = [e.usage.source_id for e in scene.effects if isinstance(e, CountUsage)]
    assert usages == [f"resp_item_a{number}" for number in range(4)]
    assert scene.counters.rotations == {"cap_renewed": 3}


def test_a_turn_stands_behind_an_item_that_was_not_replayed() -> None:
    scene = Scene()
    scene.speak("item_u", "Hello?")
    scene.upstream(response_created(), item_event("added", "item_a", "item_u", "assistant"))
    scene.upstream(words("item_a", "I was saying"))
    scene.lose()
    scene.reconnect()
    # Nothing of the answer was heard, so the new connection does not know its item.
    scene.speak("item_u2", "Sorry?", "item_u")
    assert [(item, position) for item, _, _, position in scene.said()] == [
        ("item_u", 0),
        ("item_a", 1),
        ("item_u2", 2),
    ]


def test_an_id_that_the_next_connection_uses_again_overwrites_no_turn() -> None:
    scene = Scene(tokens=0)
    for number in range(3):
        scene.now_s += 10
        scene.speak("item_1", f"Question {number}")
        scene.speak(f"item_newer_{number}", "And?", "item_1")
        scene.lose()
        # Only the newest exchange is replayed: the next connection does not know the others.
        scene.reconnect()
    assert scene.said()[::2] == [
        ("item_1", "Question 0", "completed", 0),
        ("item_1.1", "Question 1", "completed", 2),
        ("item_1.2", "Question 2", "completed", 4),
    ]


def test_the_history_is_bounded_by_tokens() -> None:
    scene = Scene(*PAST, tokens=0)
    scene.speak("item_u", "Hello?")
    scene.answer("item_a", "Yes?", "item_u")
    scene.now_s = 10
    scene.stand_by()
    replays = sent(scene.wait(3301), ToNext)
    assert [replay["item"]["id"] for replay in replays] == ["item_u", "item_a"]


def test_ids_that_the_provider_would_refuse_are_new_on_each_connection() -> None:
    past = PastItem("x" * 40, PAST[0].role, "Hello.")
    ids = {replays_of([past], connection)[0].item_id for connection in range(3)}
    assert ids == {"relay_past_0", "relay_past_1_0", "relay_past_2_0"}


@pytest.mark.parametrize(
    "busy",
    [
        [frame(type="input_audio_buffer.speech_started", item_id="item_u")],
        [
            frame(type="input_audio_buffer.speech_started", item_id="item_u"),
            frame(type="input_audio_buffer.speech_stopped", item_id="item_u"),
        ],
        [frame(type="input_audio_buffer.committed", item_id="item_u")],
        [response_created()],
        [audio_delta("item_a", ms=60_000)],
    ],
    ids=["speaks", "has spoken", "waits for a transcript", "is answered", "hears the answer"],
)
def test_in_the_middle_of_a_turn_the_call_stays(busy: list[str]) -> None:
    scene = Scene()
    scene.stand_by()
    scene.upstream(*busy)
    assert scene.wait(3302) == []
    assert scene.is_in(State.READY)


def test_a_requested_response_is_waited_for() -> None:
    scene = Scene()
    scene.stand_by()
    scene.client(typed("Hello?", "item_u"), frame(type="response.create"))
    scene.upstream(item_event("added", "item_u", content=[{"type": "input_text"}]))
    assert scene.wait(3302) == []
    scene.upstream(response_created(), response_done())
    assert scene.wait(3303)
    assert not scene.is_in(State.CLOSING)
    assert "relay.rotating" in scene.kinds()


def test_the_end_of_a_cancelled_response_is_no_answer_to_the_next_request() -> None:
    scene = Scene()
    scene.upstream(response_created("resp_cancelled"))
    # Of the response nothing more comes: its usage is estimated.
    (guess,) = scene.wait(3299)
    assert isinstance(guess, CountUsage) and guess.usage.is_estimated
    scene.stand_by()
    scene.client(frame(type="response.cancel"), typed("No.", "item_u"))
    scene.client(frame(type="response.create"))
    scene.upstream(
        response_done("resp_cancelled"),
        item_event("added", "item_u", content=[{"type": "input_text"}]),
    )
    assert scene.wait(3302) == []
    scene.upstream(response_created("resp_next"), response_done("resp_next"))
    assert scene.wait(3303)


def test_speech_that_was_cleared_is_no_turn() -> None:
    scene = Scene()
    scene.stand_by()
    scene.upstream(frame(type="input_audio_buffer.speech_started", item_id="item_u"))
    scene.upstream(frame(type="input_audio_buffer.cleared"))
    assert "relay.rotating" in [kind(effect) for effect in scene.wait(3302)]


def test_shortly_before_the_cap_only_a_response_holds_the_call_up() -> None:
    scene = Scene()
    scene.stand_by()
    scene.upstream(frame(type="input_audio_buffer.speech_started", item_id="item_u"))
    assert scene.wait(3579) == []
    scene.upstream(response_created())
    assert scene.wait(3581) == []
    scene.upstream(response_done(status="cancelled"))
    assert "relay.rotating" in [kind(effect) for effect in scene.wait(3582)]


def test_shortly_before_the_cap_words_that_are_on_their_way_are_waited_for() -> None:
    scene = Scene()
    scene.stand_by()
    scene.now_s = 3575
    scene.upstream(frame(type="input_audio_buffer.committed", item_id="item_u"))
    assert scene.wait(3581) == []
    scene.speak("item_u", "Hello.")
    scene.upstream(frame(type="input_audio_buffer.speech_started", item_id="item_u2"))
    assert "relay.rotating" in [kind(effect) for effect in scene.wait(3582)]


def test_audio_that_still_plays_at_a_late_move_was_heard_unless_the_call_ends() -> None:
    scene = Scene()
    scene.stand_by()
    scene.now_s = 3581
    scene.speak("item_u", "Hello?")
    scene.answer("item_a", "A long answer", "item_u", ms=10_000)
    scene.wait(3582)
    scene.replayed()
    assert scene.turns()[1].status is TurnStatus.COMPLETED
    scene.now_s = 3583
    scene.put(scene.logic.hang_up(Ending.CLIENT_LEFT, scene.time))
    assert (scene.turns()[1].status, scene.turns()[1].heard_ms) == (TurnStatus.INTERRUPTED, 2000)


@pytest.mark.parametrize(
    "event",
    [
        frame(type="input_audio_buffer.speech_started", item_id="item_u"),
        response_created(),
    ],
)
def test_a_turn_that_begins_during_the_replay_keeps_the_connection(event: str) -> None:
    scene = Scene(*PAST)
    scene.stand_by()
    scene.wait(3301)
    spoken = append()
    scene.client(spoken)
    scene.effects.clear()
    scene.upstream(event)
    assert scene.is_in(State.READY)
    assert scene.kinds()[1:] == [
        "DropNext",
        "relay.rotated",
        "input_audio_buffer.append",
        "OpenNext",
    ]
    assert sent(scene.effects, ToClient)[1]["result"] == "kept"
    assert scene.next(item_event("added", "item_past_user")) == []
    assert scene.counters.rotations == {"cap_kept": 1}


def test_a_provider_that_does_not_take_the_history_in_time_costs_no_frame() -> None:
    scene = Scene(*PAST)
    scene.stand_by()
    scene.wait(3301)
    spoken = [append(sample=bytes([number, 0])) for number in range(100)]
    scene.client(*spoken)
    assert scene.wait(3305) == []
    effects = scene.wait(3305.5)
    assert [e.text for e in effects if isinstance(e, ToUpstream)] == spoken
    assert isinstance(effects[-1], OpenNext)
    assert scene.is_in(State.READY)
    assert scene.counters.rotations == {"cap_failed": 1}


def test_a_client_that_sends_more_than_can_be_held_keeps_the_connection() -> None:
    scene = Scene(*PAST)
    scene.stand_by()
    scene.wait(3301)
    spoken = [append(ms=100, sample=bytes([number, 0])) for number in range(61)]
    effects = scene.client(*spoken)
    assert [e.text for e in effects if isinstance(e, ToUpstream)] == spoken
    assert scene.is_in(State.READY)


def test_while_the_connection_lives_failures_are_tried_again_until_the_cap() -> None:
    scene = Scene()
    scene.wait(3300)
    pauses = []
    for _ in range(9):
        effects = scene.put(
            scene.logic.fail_next(Ending.PROVIDER_REFUSED, "invalid_api_key", scene.time)
        )
        assert isinstance(effects[-1], OpenNext)
        pauses.append(effects[-1].after_s)
    assert pauses == [1, 2, 4, 8, 15, 30, 60, 60, 60]
    assert scene.is_in(State.READY)
    assert not sent(scene.effects, ToClient)


def test_a_retry_after_is_kept() -> None:
    scene = Scene()
    scene.wait(3300)
    effects = scene.logic.fail_next(Ending.PROVIDER_UNAVAILABLE, "x", scene.time, 44.0)
    assert effects[-1] == OpenNext(44.0)


def test_a_next_connection_that_is_not_configured_in_time_is_replaced() -> None:
    scene = Scene()
    scene.wait(3300)
    scene.put(scene.logic.open_next(created(), scene.time))
    assert scene.wait(3308) == []
    assert [kind(effect) for effect in scene.wait(3309)] == ["LogEvent", "DropNext", "OpenNext"]


def test_a_session_that_expires_in_mid_answer_is_replaced_at_once() -> None:
    scene = Scene()
    scene.stand_by()
    scene.upstream(response_created())
    scene.now_s = 3600
    effects = scene.upstream(provider_error("session_expired"))
    assert [kind(effect) for effect in effects][:5] == [
        "LogEvent",
        "DropUpstream",
        "LogEvent",
        "CountUsage",
        "relay.rotating",
    ]
    assert scene.is_in(State.READY)
    assert sent(scene.effects, ToClient)[-1]["reason"] == "provider_lost"
    assert scene.counters.rotations == {"provider_lost_renewed": 1}


def test_a_call_that_is_leaving_does_not_move() -> None:
    scene = Scene()
    scene.upstream(response_created())
    scene.put(scene.logic.leave(Ending.DRAINING, scene.time))
    assert scene.logic.due_step(at(3400)) is None
    assert scene.lose()[-1] == HangUp(Ending.PROVIDER_FAILED)


def test_a_message_typed_during_the_move_is_sent_before_the_end() -> None:
    scene = Scene(*PAST)
    scene.stand_by()
    scene.wait(3301)
    scene.client(typed("Remember this.", "item_u"))
    effects = scene.put(scene.logic.hang_up(Ending.CLIENT_LEFT, scene.time))
    assert kind(effects[0]) == "conversation.item.create"
    assert scene.logic.awaits_upstream


def test_without_a_bound_for_its_history_a_call_has_one_connection() -> None:
    logic = CallLogic(plan(limits=QUIET), at(0))
    logic.open(created_until(3600), at(0))
    logic.from_upstream(updated(), at(0))
    assert logic.due_step(at(3599)) is None
    assert logic.lose_upstream(Ending.PROVIDER_FAILED, at(3599))[-1] == HangUp(
        Ending.PROVIDER_FAILED
    )


# The provider is lost


def test_a_loss_in_mid_answer_keeps_what_was_heard_and_goes_on() -> None:
    scene = Scene(*PAST)
    scene.speak("item_u", "Hello?")
    scene.now_s = 10
    scene.upstream(response_created(), item_event("added", "item_a", "item_u", "assistant"))
    scene.upstream(words("item_a", "One two "), audio_delta("item_a", 1000))
    scene.upstream(words("item_a", "three four "), audio_delta("item_a", 1000))
    scene.now_s = 11.2
    scene.effects.clear()
    effects = scene.lose()
    assert scene.is_in(State.RENEWING)
    assert [kind(effect) for effect in effects] == [
        "DropUpstream",
        "LogEvent",
        "KeepTurn",
        "CountUsage",
        "relay.rotating",
        "DropNext",
        "OpenNext",
    ]
    (turn,) = scene.turns()
    assert (turn.status, turn.heard_ms) == (TurnStatus.INTERRUPTED, 1200)
    (guess,) = [effect.usage for effect in effects if isinstance(effect, CountUsage)]
    assert (guess.audio_out, guess.is_estimated) == (40, True)
    assert turn.heard_text == "One two"
    assert scene.client(append(), typed("And?", "item_t")) == []
    scene.reconnect()
    replays = sent(scene.effects, ToNext)[1:]
    assert [replay["item"]["content"][0]["text"] for replay in replays] == [
        "My name is Aoi.",
        "Nice to meet you, Aoi.",
        "Hello?",
        "One two",
    ]
    assert scene.kinds()[-5:] == [
        "SwitchUpstream",
        "LogEvent",
        "relay.rotated",
        "input_audio_buffer.append",
        "conversation.item.create",
    ]
    assert scene.is_in(State.READY)


def test_speech_without_a_transcript_is_kept_at_a_loss_as_at_an_end() -> None:
    scene = Scene()
    scene.upstream(
        frame(type="input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    )
    scene.lose()
    assert scene.said() == [("item_u", "", "interrupted", 0)]


def test_the_page_says_exactly_how_much_of_the_lost_answer_was_heard() -> None:
    scene = Scene()
    scene.upstream(response_created(), item_event("added", "item_a", None, "assistant"))
    scene.upstream(words("item_a", "One two "), audio_delta("item_a", 1000))
    scene.now_s = 0.9
    scene.lose()
    truncate = frame(
        type="conversation.item.truncate", item_id="item_a", content_index=0, audio_end_ms=600
    )
    effects = scene.client(truncate)
    (answered,) = sent(effects, ToClient)
    assert (answered["type"], answered["audio_end_ms"]) == ("conversation.item.truncated", 600)
    assert scene.turns()[0].heard_ms == 600
    scene.reconnect()
    # The provider has no audio of it: nothing goes there later either.
    again = scene.client(truncate.replace("600", "500"))
    assert not sent(again, ToUpstream)
    assert scene.turns()[0].heard_ms == 500


def test_a_cancel_of_a_lost_response_goes_nowhere() -> None:
    scene = Scene()
    scene.upstream(response_created("resp_lost"))
    scene.lose()
    cancel = frame(type="response.cancel", response_id="resp_lost")
    assert scene.client(cancel, frame(type="response.cancel")) == []
    scene.reconnect()
    assert scene.client(cancel) == []
    scene.upstream(response_created("resp_new"))
    assert sent(scene.client(cancel.replace("lost", "new")), ToUpstream)


def test_a_response_that_is_held_can_be_cancelled() -> None:
    scene = Scene()
    scene.lose()
    create, cancel = frame(type="response.create"), frame(type="response.cancel")
    assert scene.client(cancel, create, cancel) == []
    to_provider = [e.text for e in scene.reconnect() if isinstance(e, ToUpstream)]
    assert to_provider == [create, cancel]


def test_a_new_item_may_not_have_the_id_of_an_earlier_connections_item() -> None:
    scene = Scene()
    scene.speak("item_u", "Hello?")
    scene.lose()
    scene.reconnect()
    (refused,) = sent(scene.client(typed("x", "item_u")), ToClient)
    assert (refused["type"], refused["code"]) == ("relay.error", "field_invalid")


@pytest.mark.parametrize(
    "ending", [Ending.PROVIDER_FAILED, Ending.PROVIDER_TIMEOUT, Ending.PROVIDER_UNAVAILABLE]
)
def test_after_three_attempts_the_call_ends_by_the_last_failure(ending: Ending) -> None:
    scene = Scene()
    effects = scene.lose(ending)
    pauses = []
    for number in range(3):
        pauses += [effect.after_s for effect in effects if isinstance(effect, OpenNext)]
        assert scene.is_in(State.RENEWING), number
        effects = scene.put(scene.logic.fail_next(ending, "x", scene.time, 7.0 * (number == 2)))
    assert pauses == [0.2, 1.0, 3.0]
    assert effects[-1] == HangUp(ending)
    assert scene.kinds()[-3:] == ["relay.error", "relay.closing", "HangUp"]
    assert sent(effects, ToClient)[-1]["retry_after"] == 7
    assert scene.counters.rotations == {"provider_lost_failed": 3}


def test_an_attempt_that_would_come_too_late_is_not_made() -> None:
    scene = Scene()
    scene.lose()
    scene.now_s = 19.5
    effects = scene.logic.fail_next(Ending.PROVIDER_TIMEOUT, "timed_out", scene.time)
    assert effects[-1] == HangUp(Ending.PROVIDER_TIMEOUT)


def test_a_refusal_ends_the_call_at_once() -> None:
    scene = Scene()
    assert scene.lose(Ending.PROVIDER_REFUSED)[-1] == HangUp(Ending.PROVIDER_REFUSED)
    scene = Scene()
    scene.lose()
    effects = scene.logic.fail_next(Ending.PROVIDER_REFUSED, "insufficient_quota", scene.time)
    assert effects[-1] == HangUp(Ending.PROVIDER_REFUSED)


@pytest.mark.parametrize("code", ["invalid_api_key", "insufficient_quota", "model_not_found"])
def test_a_fatal_error_in_a_call_ends_it(code: str) -> None:
    scene = Scene()
    assert scene.upstream(provider_error(code))[-1] == HangUp(Ending.PROVIDER_REFUSED)


def test_the_sixth_loss_ends_the_call() -> None:
    scene = Scene()
    for _ in range(5):
        scene.now_s += 60
        scene.lose()
        scene.reconnect()
        assert scene.is_in(State.READY)
    assert scene.lose()[-1] == HangUp(Ending.PROVIDER_FAILED)


def test_a_loss_before_the_call_is_ready_ends_it() -> None:
    logic = CallLogic(plan(history_tokens=12_000), at(0))
    logic.open(created(), at(0))
    assert logic.lose_upstream(Ending.PROVIDER_FAILED, at(1))[-1] == HangUp(Ending.PROVIDER_FAILED)


def test_a_loss_while_the_history_is_replayed_goes_on_with_it() -> None:
    scene = Scene(*PAST)
    scene.stand_by()
    scene.wait(3301)
    scene.client(append())
    assert "OpenNext" not in [kind(effect) for effect in scene.lose()]
    effects = scene.replayed()
    assert kind(effects[0]) == "SwitchUpstream"
    assert kind(effects[-1]) == "input_audio_buffer.append"


def test_a_loss_while_the_next_one_is_being_opened_opens_another() -> None:
    scene = Scene()
    scene.wait(3300)
    effects = scene.lose()
    assert effects[-2:] == [DropNext(), OpenNext(0.2)]


def test_frames_of_a_connection_that_is_lost_reach_nobody() -> None:
    scene = Scene()
    scene.lose()
    assert DropUpstream() in scene.effects
    scene.reconnect()
    assert SwitchUpstream() in scene.effects
    assert [e.code for e in scene.effects if isinstance(e, LogEvent)] == ["provider_lost"] * 2


def test_everything_held_longer_than_six_seconds_is_dropped_after_a_loss() -> None:
    scene = Scene()
    scene.lose()
    spoken = [append(ms=1000, sample=bytes([number, 0])) for number in range(8)]
    scene.client(*spoken)
    effects = scene.reconnect()
    assert [e.text for e in effects if isinstance(e, ToUpstream)] == spoken[2:]


# The next connection


def rotation(phase: Phase) -> Rotation:
    made = Rotation(DEFAULT_LIMITS.ready_within_s, 0.0, lambda: 0.5)
    made.begin(Reason.CAP, 0.0)
    if phase is not Phase.OPENING:
        made.opened({}, 0.0)
    if phase is Phase.REPLAYING:
        made.replay(replays_of(PAST), 0.0, is_late=False)
    return made


@pytest.mark.parametrize(
    ("phase", "text", "expected"),
    [
        (Phase.CONFIGURING, updated(), News.CONFIGURED),
        (Phase.CONFIGURING, frame(type="rate_limits.updated"), News.NOTHING),
        (Phase.CONFIGURING, frame(type=""), News.NOTHING),
        (
            Phase.CONFIGURING,
            provider_error("invalid_value", "relay_cfg"),
            NextFailed(Ending.PROVIDER_REFUSED, "invalid_value"),
        ),
        (
            Phase.CONFIGURING,
            provider_error(None, kind="server_error"),
            NextFailed(Ending.PROVIDER_FAILED, "server_error"),
        ),
        (
            Phase.REPLAYING,
            provider_error("insufficient_quota"),
            NextFailed(Ending.PROVIDER_REFUSED, "insufficient_quota"),
        ),
        (Phase.REPLAYING, provider_error("x", "relay_past_0"), News.NOTHING),
        (Phase.REPLAYING, item_event("added", "item_other"), News.NOTHING),
        (Phase.REPLAYING, item_event("added", "item_past_user"), News.NOTHING),
    ],
)
def test_what_a_frame_of_the_next_connection_means(
    phase: Phase, text: str, expected: News | NextFailed
) -> None:
    assert rotation(phase).read(peek_from_upstream(text)) == expected


def test_a_refused_item_is_left_out_of_the_history() -> None:
    made = rotation(Phase.REPLAYING)
    made.read(peek_from_upstream(provider_error("x", "relay_past_0")))
    added = peek_from_upstream(item_event("added", "item_past_reply"))
    assert made.read(added) is News.REPLAYED
    assert made.is_replayed


def test_pauses_are_varied_by_half() -> None:
    def pauses(chance: float) -> list[float | None]:
        made = Rotation(DEFAULT_LIMITS.ready_within_s, 0.0, lambda: chance)
        return [made.lose(0.0), made.fail(0.0), made.fail(0.0), made.fail(0.0)]

    assert pauses(0.0) == [0.1, 0.5, 1.5, None]
    assert pauses(1.0) == [pytest.approx(0.3), 1.5, 4.5, None]


def test_steps_come_at_their_time() -> None:
    made = Rotation(DEFAULT_LIMITS.ready_within_s, 0.0, lambda: 0.5)
    assert made.due_step(3299.0, lambda is_late: True) is None
    assert made.due_step(3300.0, lambda is_late: False) is Step.OPEN
    made.begin(Reason.CAP, 3300.0)
    assert made.due_step(3400.0, lambda is_late: True) is None
    made.opened({}, 3400.0)
    made.read(peek_from_upstream(updated()))
    assert made.due_step(3400.0, lambda is_late: True) is Step.REPLAY
    assert made.due_step(3579.0, lambda is_late: is_late) is None
    assert made.due_step(3580.0, lambda is_late: is_late) is Step.REPLAY_LATE
    assert made.due_step(3599.0, lambda is_late: False) is None


LIFE_S = 20
STEPS = st.lists(
    st.sampled_from(
        [
            "append", "append", "append", "tick", "tick", "tick", "wait", "speech", "spoken",
            "answer", "answered", "open", "updated", "accept", "accept", "next_fails", "type",
            "move", "move",
        ]
    ),
    max_size=120,
)  # fmt: skip


class Story:
    """Drives a call with steps in any order; a step that cannot happen then does nothing."""

    def __init__(self) -> None:
        self.scene = Scene(*PAST, until_s=LIFE_S, limits=Limits(idle_s=1e9))
        self.appended: list[str] = []
        self.count = 0
        self.items = 0
        self.answering = ""
        self.answered_s = 0.0
        self.asked: list[str] = []
        self.has_next = False

    def take(self, step: str) -> None:
        self.count += 1
        before = len(self.scene.effects)
        getattr(self, step)()
        for effect in self.scene.effects[before:]:
            if isinstance(effect, ToNext) and "item" in (event := json.loads(effect.text)):
                self.asked.append(event["item"]["id"])
            if isinstance(effect, DropNext | SwitchUpstream):
                self.has_next = False
                self.asked.clear()
            if isinstance(effect, SwitchUpstream):
                # A response of which nothing comes any more counts as over.
                silent_s = self.scene.now_s - self.answered_s
                assert not self.answering or silent_s >= DEFAULT_LIMITS.answer_silence_s

    def append(self) -> None:
        text = append(sample=self.count.to_bytes(2, "little"))
        self.appended.append(text)
        self.scene.client(text)

    def type(self) -> None:
        self.scene.client(typed("x", f"item_typed{self.count}"))
        self.scene.upstream(item_event("added", f"item_typed{self.count}"))

    def tick(self) -> None:
        self.scene.wait(self.scene.now_s + 0.5)

    def wait(self) -> None:
        for _ in range(10):
            self.tick()

    def speech(self) -> None:
        self.items += 1
        self.scene.upstream(
            frame(type="input_audio_buffer.speech_started", item_id=f"item_u{self.items}")
        )

    def spoken(self) -> None:
        self.scene.speak(f"item_u{self.items}", "Hello.")

    def answer(self) -> None:
        if not self.answering:
            self.answering, self.answered_s = f"resp_{self.count}", self.scene.now_s
            self.scene.upstream(response_created(self.answering))

    def answered(self) -> None:
        if self.answering:
            ended, self.answering = self.answering, ""
            self.scene.upstream(
                item_event("done", f"item_{ended}", None, "assistant", content=[]),
                response_done(ended),
            )

    def open(self) -> None:
        if self.scene.logic.is_opening_next:
            self.has_next = True
            self.scene.put(
                self.scene.logic.open_next(
                    created_until(self.scene.now_s + LIFE_S), self.scene.time
                )
            )

    def updated(self) -> None:
        if self.has_next:
            self.scene.next(updated())

    def move(self) -> None:
        for step in ("wait", "open", "updated", "tick", *["accept"] * len(PAST)):
            self.take(step)
        while self.asked:
            self.take("accept")

    def accept(self) -> None:
        if self.asked:
            self.scene.next(item_event("added", self.asked.pop(0)))

    def next_fails(self) -> None:
        if self.has_next or self.scene.logic.is_opening_next:
            self.scene.put(self.scene.logic.fail_next(Ending.PROVIDER_FAILED, "x", self.scene.time))


@pytest.mark.slow
@given(steps=STEPS)
def test_whatever_happens_each_frame_goes_once_and_in_order(steps: list[str]) -> None:
    story = Story()
    for step in steps:
        story.take(step)
    story.scene.put(story.scene.logic.hang_up(Ending.CLIENT_LEFT, story.scene.time))
    appended = [e.text for e in story.scene.effects if isinstance(e, ToUpstream)]
    assert [text for text in appended if "append" in text] == story.appended
    positions = [turn.position for turn in story.scene.turns()]
    assert positions == list(range(len(positions)))
    pairs = [
        event["type"]
        for event in sent(story.scene.effects, ToClient)
        if event["type"] in ("relay.rotating", "relay.rotated")
    ]
    assert pairs == (["relay.rotating", "relay.rotated"] * len(pairs))[: len(pairs)]


def test_garbage_on_the_next_connection_replaces_it() -> None:
    scene = Scene()
    scene.stand_by()
    effects = scene.next("not json")
    assert [kind(effect) for effect in effects] == ["LogEvent", "DropNext", "OpenNext"]
