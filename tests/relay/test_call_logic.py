"""The state machine of a call: fed with frames and the time, compared by its effects."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import TypeAdapter

from backend.protocol.budget_state import BudgetState
from backend.protocol.endings import Ending
from backend.protocol.provider_errors import PROVIDER_ERRORS, Severity
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus
from backend.relay.call_logic import CallLogic, State
from backend.relay.effects import (
    CountUsage,
    Effect,
    HangUp,
    KeepTurn,
    LogEvent,
    ToClient,
    ToUpstream,
)
from backend.relay.limits import Limits
from backend.relay.plan import PastItem
from backend.telemetry.counters import ProcessCounters
from backend.wording import sentence
from tests.relay.attacks import ATTACKS
from tests.relay.equipment import (
    CLOSING_ENDINGS,
    PAST,
    SECRET_INSTRUCTIONS,
    START,
    append,
    at,
    audio_delta,
    created,
    frame,
    item_event,
    plan,
    provider_error,
    response_created,
    session,
    typed,
    updated,
    words,
)

OFFICIAL: TypeAdapter[RealtimeServerEvent] = TypeAdapter(RealtimeServerEvent)
FATAL = {
    name: row.ending for name, row in PROVIDER_ERRORS.items() if row.severity is Severity.FATAL
}
NOT_FATAL = sorted(set(PROVIDER_ERRORS) - set(FATAL))
ROOMY = Limits(client_burst_frames=1e9, client_burst_bytes=1e12, bad_frames=10**9)


def fresh(*past: PastItem, language: str = "en", limits: Limits | None = None) -> CallLogic:
    """The logic of a call whose client has just connected."""
    return CallLogic(plan(*past, language=language, limits=limits), START)


def state_of(call_logic: CallLogic) -> State:
    """The state, read again: a type checker would otherwise assume that it has not changed."""
    return call_logic.state


def ready(language: str = "en", limits: Limits | None = None) -> CallLogic:
    """The logic of a call that is READY, without a past."""
    call_logic = fresh(language=language, limits=limits)
    call_logic.open(created(), at(0.1))
    call_logic.from_upstream(updated(), at(0.2))
    assert state_of(call_logic) is State.READY
    return call_logic


def to_client(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    return [json.loads(effect.text) for effect in effects if isinstance(effect, ToClient)]


def to_upstream(effects: Iterable[Effect]) -> list[str]:
    return [effect.text for effect in effects if isinstance(effect, ToUpstream)]


def last_turn(effects: Iterable[Effect]) -> Turn | None:
    turns = [effect.turn for effect in effects if isinstance(effect, KeepTurn)]
    return turns[-1] if turns else None


def begin_response(call_logic: CallLogic, item_id: str = "item_a") -> None:
    """Begin a spoken response."""
    response = {"id": "resp_1", "object": "realtime.response", "status": "in_progress"}
    call_logic.from_upstream(frame(type="response.created", event_id="e", response=response), at(1))
    call_logic.from_upstream(item_event("added", item_id, None, "assistant"), at(1))
    call_logic.from_upstream(words(item_id, "Good morning, "), at(1))
    call_logic.from_upstream(audio_delta(item_id, ms=1000), at(1))


def response_done(status: str = "completed", **response: Any) -> str:
    sent = {"id": "resp_1", "object": "realtime.response", "status": status, **response}
    return frame(type="response.done", event_id="e", response=sent)


# The way to READY


def test_the_session_is_configured_before_anything_else_is_sent() -> None:
    call_logic = fresh(*PAST)
    opened = call_logic.open(created(), at(0.1))
    assert [event["type"] for event in to_client(opened)] == ["session.created"]
    assert [json.loads(text)["event_id"] for text in to_upstream(opened)] == ["relay_cfg"]
    assert state_of(call_logic) is State.CONFIGURING

    configured = call_logic.from_upstream(updated(), at(0.2))
    assert to_client(configured) == []
    assert [json.loads(text)["item"]["id"] for text in to_upstream(configured)] == [
        "item_past_user",
        "item_past_reply",
    ]
    assert state_of(call_logic) is State.REPLAYING

    assert call_logic.from_upstream(item_event("added", "item_past_user"), at(0.3)) == []
    assert call_logic.from_upstream(item_event("done", "item_past_user"), at(0.3)) == []
    sent = to_client(call_logic.from_upstream(item_event("added", "item_past_reply"), at(0.3)))
    assert sent == [
        {
            "type": "relay.ready",
            "event_id": "relay_1",
            "session_id": "22222222-2222-4222-8222-222222222222",
            "call_id": "11111111-1111-4111-8111-111111111111",
            "model": "gpt-realtime",
            "voice": "marin",
            "language": "en",
            "demo": False,
        }
    ]
    assert state_of(call_logic) is State.READY
    assert call_logic.from_upstream(item_event("done", "item_past_reply"), at(0.4)) == []


def test_without_a_past_it_is_ready_when_it_is_configured() -> None:
    call_logic = fresh()
    call_logic.open(created(), at(0.1))
    effects = call_logic.from_upstream(updated(), at(0.2))
    assert [event["type"] for event in to_client(effects)] == ["relay.ready"]


def test_early_frames_are_held_and_released_in_order() -> None:
    call_logic = fresh()
    early = [append(), typed("first"), append(), frame(type="response.create")]
    assert call_logic.from_client(early[0], at(0.0)) == []
    call_logic.open(created(), at(0.1))
    for text in early[1:]:
        assert call_logic.from_client(text, at(0.15)) == []
    effects = call_logic.from_upstream(updated(), at(0.2))
    assert to_upstream(effects) == early
    late = append()
    assert call_logic.from_client(late, at(0.3)) == [ToUpstream(late)]


def test_early_frames_are_judged_when_they_come() -> None:
    call_logic = fresh()
    (sent,) = to_client(call_logic.from_client(frame(type="session.update"), at(0)))
    assert sent["code"] == "event_not_allowed"


def test_a_refused_configuration_ends_the_call() -> None:
    for error, ending in (
        (provider_error("unknown_parameter", "relay_cfg"), Ending.PROVIDER_REFUSED),
        (provider_error("cannot_update_voice", None), Ending.PROVIDER_REFUSED),
        (provider_error(None, "relay_cfg", kind="server_error"), Ending.PROVIDER_FAILED),
    ):
        call_logic = fresh()
        call_logic.open(created(), at(0.1))
        effects = call_logic.from_upstream(error, at(0.2))
        assert effects[-1] == HangUp(ending)
        assert [event["type"] for event in to_client(effects)] == ["relay.error", "relay.closing"]


@pytest.mark.parametrize("event_id", ["relay_past_0", None])
def test_the_call_goes_on_without_a_past_item_that_is_refused(event_id: str | None) -> None:
    call_logic = fresh(*PAST)
    call_logic.open(created(), at(0.1))
    call_logic.from_upstream(updated(), at(0.2))
    refused = provider_error("item_create_duplicate_item_id", event_id)
    assert call_logic.from_upstream(refused, at(0.3)) == [
        LogEvent("upstream.race", "item_create_duplicate_item_id")
    ]
    effects = call_logic.from_upstream(item_event("added", "item_past_reply"), at(0.3))
    assert [event["type"] for event in to_client(effects)] == ["relay.ready"]


def test_a_provider_that_never_accepts_the_configuration_times_out() -> None:
    call_logic = fresh()
    call_logic.open(created(), at(3))
    assert call_logic.tick(at(11)) == []
    assert call_logic.tick(at(11.1))[-1] == HangUp(Ending.PROVIDER_TIMEOUT)


# The client's side


@pytest.mark.parametrize(
    "text",
    [
        append(),
        append(ms=1),
        '{"type":"input_audio_buffer.append","audio":"AAAA"}',
        '{"event_id": "mine", "type":"input_audio_buffer.append",\n"audio":"AAAA"}',
        typed("こんにちは"),
        frame(type="input_audio_buffer.commit"),
        frame(type="response.create", response={"output_modalities": ["text"]}),
    ],
)
def test_what_was_judged_is_what_is_sent(text: str) -> None:
    assert ready().from_client(text, at(1)) == [ToUpstream(text)]


@pytest.mark.parametrize("state", ["connecting", "ready"])
def test_nothing_forbidden_ever_reaches_the_provider(state: str) -> None:
    call_logic = fresh(limits=ROOMY) if state == "connecting" else ready(limits=ROOMY)
    for attack in ATTACKS:
        effects = call_logic.from_client(attack, at(1))
        (sent,) = to_client(effects)
        assert to_upstream(effects) == []
        assert sent["type"] == "relay.error"
        assert SECRET_INSTRUCTIONS not in json.dumps(sent)
    if state == "connecting":
        call_logic.open(created(), at(2))
        assert to_upstream(call_logic.from_upstream(updated(), at(2))) == []


def test_a_refusal_names_the_event_and_the_field_in_the_users_language() -> None:
    refused = frame(type="response.create", event_id="mine", response={"tools": []})
    (sent,) = to_client(ready(language="ja").from_client(refused, at(1)))
    assert sent == {
        "type": "relay.error",
        "event_id": "mine",
        "code": "field_not_allowed",
        "message": sentence("field_not_allowed", "ja"),
        "retryable": False,
        "detail": {"where": "response.tools"},
    }


def test_a_ping_is_answered_by_the_relay_and_keeps_no_idle_call_alive() -> None:
    call_logic = fresh()
    (early,) = call_logic.from_client(frame(type="relay.ping"), at(0.1))
    assert to_client([early])[0]["type"] == "relay.pong"
    call_logic = ready()
    effects = call_logic.from_client(frame(type="relay.ping", event_id="ping_1"), at(850))
    assert to_client(effects) == [{"type": "relay.pong", "event_id": "ping_1"}]
    assert to_upstream(effects) == []
    assert call_logic.tick(at(901))[-1] == HangUp(Ending.IDLE)


def test_three_bad_frames_in_ten_seconds_end_the_call() -> None:
    call_logic = ready()
    assert len(call_logic.from_client("not json", at(1))) == 1
    assert len(call_logic.from_client(b"\0\1", at(5))) == 1
    effects = call_logic.from_client("[", at(10))
    assert [event["type"] for event in to_client(effects)] == ["relay.error", "relay.closing"]
    assert to_client(effects)[1]["code"] == 4400
    assert effects[-1] == HangUp(Ending.BAD_FRAMES)


def test_a_flooding_client_is_warned_once_and_then_disconnected() -> None:
    call_logic = ready()
    effects = [
        effect
        for number in range(20_000)
        for effect in call_logic.from_client(frame(type="response.cancel"), at(1 + number / 2000))
    ]
    sent = [event for event in to_client(effects) if event["type"] == "relay.error"]
    assert [event["code"] for event in sent] == ["rate_limit"]
    assert sent[0]["retryable"]
    assert sent[0]["retry_after"] >= 1
    assert effects[-1] == HangUp(Ending.RATE_LIMIT)
    assert to_client(effects)[-1]["code"] == 4429
    assert to_client(effects)[-1]["retry_after"] >= 1
    # The burst and five seconds of the rate, no more.
    assert len(to_upstream(effects)) <= 300 + 6 * 100


# The provider's side


@pytest.mark.parametrize(
    "text",
    [
        audio_delta("item_a"),
        words("item_a", "Hello"),
        '{"type":"something.new","with":{"depth":[1,2,{"x":null}]} , "n":1e5}',
        frame(type="rate_limits.updated", event_id="e", rate_limits=[]),
        frame(type="input_audio_buffer.speech_started", event_id="e", item_id="u"),
        frame(type="conversation.created", event_id="e", conversation={"id": "c"}),
        response_done(),
        item_event("added", "item_b"),
        '{"type":"weird","item_id":5,"delta":{},"content_index":"x"}',
        '{"type":"conversation.item.added","item":"weird"}',
    ],
)
def test_the_providers_frames_pass_as_the_same_text(text: str) -> None:
    assert ready().from_upstream(text, at(1))[0] == ToClient(text)


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_session_events_are_passed_on_without_the_operators_fields(kind: str) -> None:
    text = frame(type=kind, event_id="e", session=session())
    (effect,) = ready().from_upstream(text, at(1))
    assert isinstance(effect, ToClient)
    assert "secret" not in effect.text.lower()
    assert SECRET_INSTRUCTIONS not in effect.text
    sent = json.loads(effect.text)
    OFFICIAL.validate_python(sent)
    assert sent["session"]["model"] == "gpt-realtime"
    assert sent["session"]["audio"]["output"]["voice"] == "marin"


@pytest.mark.parametrize("code", [*NOT_FATAL, "something_new", None])
def test_an_error_that_is_not_fatal_is_passed_on_and_the_call_goes_on(code: str | None) -> None:
    call_logic = ready()
    message = "Incorrect API key provided: sk-proj-abcdefghijklmnop1234. Bearer abc.def"
    effects = call_logic.from_upstream(provider_error(code, "mine", message), at(1))
    (sent,) = to_client(effects)
    OFFICIAL.validate_python(sent)
    assert sent["error"]["code"] == code
    assert sent["error"]["event_id"] == "mine"
    assert "abcdefghijklmnop" not in json.dumps(sent)
    assert "abc.def" not in json.dumps(sent)
    assert state_of(call_logic) is State.READY


@pytest.mark.parametrize(("code", "ending"), FATAL.items())
def test_a_fatal_error_ends_the_call_and_is_not_quoted(code: str, ending: Ending) -> None:
    error = provider_error(code, None, "Key sk-proj-abcdefghijklmnop1234 of org-secret")
    effects = ready(language="ja").from_upstream(error, at(1))
    assert effects[0] == LogEvent("upstream.error", code)
    assert effects[-1] == HangUp(ending)
    failed, closing = to_client(effects)
    assert failed["code"] == str(ending)
    assert failed["message"] == sentence(str(ending), "ja")
    assert closing["type"] == "relay.closing"
    assert closing["code"] == ending.close_code
    assert closing["reason"] == str(ending)
    assert closing["retryable"] == failed["retryable"]
    assert "secret" not in json.dumps([failed, closing])


def test_errors_about_the_relays_own_events_are_not_passed_on() -> None:
    effects = ready().from_upstream(provider_error("invalid_value", "relay_past_7"), at(1))
    assert effects == [LogEvent("upstream.error", "invalid_value")]


def test_an_error_code_that_could_be_content_is_not_logged() -> None:
    effects = ready().from_upstream(provider_error("My name is Aoi!"), at(1))
    assert effects[0] == LogEvent("upstream.error", "unnamed")


@pytest.mark.parametrize(
    "event",
    [
        '{"type":"session.updated","session":@}',
        '{"type":"response.done","response":{"id":"r","status_details":{"error":{"a":@}}}}',
        '{"type":"conversation.item.input_audio_transcription.failed","error":{"a":@}}',
    ],
)
@pytest.mark.parametrize("nested", [('{"a":', "}"), ("[", "]")])
def test_an_event_that_is_too_deep_to_be_written_again_is_refused_whole(
    event: str, nested: tuple[str, str]
) -> None:
    # Around the depth at which the parsers and the encoder give up, which depends on the stack.
    for depth in range(900, 1010):
        text = event.replace("@", nested[0] * depth + "1" + nested[1] * depth)
        effects = ready().from_upstream(text, at(1))
        assert effects, depth
    assert effects[0] == LogEvent("upstream.garbage", "not_an_event")


@pytest.mark.parametrize("garbage", ["", "{", "[1]", '"text"', "null", "\ud800", '{"type":NaN}'])
def test_garbage_from_the_provider_ends_the_call(garbage: str) -> None:
    effects = ready().from_upstream(garbage, at(1))
    assert effects[0] == LogEvent("upstream.garbage", "not_an_event")
    assert effects[-1] == HangUp(Ending.PROVIDER_FAILED)


def test_an_object_without_a_type_is_dropped() -> None:
    assert ready().from_upstream("{}", at(1)) == [LogEvent("upstream.garbage", "no_type")]


def test_a_failed_response_is_passed_on_without_secrets() -> None:
    error = {"type": "invalid_request_error", "code": "rate_limit_exceeded"}
    details = {"type": "failed", "error": {**error, "message": "for sk-proj-abcdefghijklmnop1234"}}
    effects = ready().from_upstream(response_done("failed", status_details=details), at(1))
    (sent,) = to_client(effects)
    assert "abcdefghijklmnop" not in json.dumps(sent)
    assert sent["response"]["status_details"]["error"]["code"] == "rate_limit_exceeded"
    assert LogEvent("upstream.error", "rate_limit_exceeded") in effects
    assert not any(isinstance(effect, HangUp) for effect in effects)


def test_a_response_that_failed_for_lack_of_quota_ends_the_call() -> None:
    details = {"type": "failed", "error": {"type": "insufficient_quota", "code": None}}
    effects = ready().from_upstream(response_done("failed", status_details=details), at(1))
    assert effects[-1] == HangUp(Ending.PROVIDER_REFUSED)


def test_a_failed_transcription_is_passed_on_without_secrets() -> None:
    text = frame(
        type="conversation.item.input_audio_transcription.failed",
        event_id="e",
        item_id="item_u",
        content_index=0,
        error={"type": "server_error", "message": "Bearer abcdef.ghi"},
    )
    (sent,) = to_client(ready().from_upstream(text, at(1)))
    assert sent["error"]["message"] == "Bearer ***"


# What is kept


def test_growing_turns_are_kept_at_the_tick_and_not_at_every_delta() -> None:
    call_logic = ready()
    begin_response(call_logic)
    for piece in ("how ", "are ", "you"):
        (passed,) = call_logic.from_upstream(words("item_a", piece), at(1))
        assert isinstance(passed, ToClient)
    (kept,) = call_logic.tick(at(1.5))
    assert isinstance(kept, KeepTurn)
    assert kept.turn.text.split() == ["Good", "morning,", "how", "are", "you"]
    assert kept.turn.status is TurnStatus.IN_PROGRESS
    assert call_logic.tick(at(2)) == []


def test_a_typed_message_is_kept_when_the_provider_has_accepted_it() -> None:
    call_logic = ready()
    assert call_logic.from_client(typed("Hi!", "item_me"), at(1)) == [
        ToUpstream(typed("Hi!", "item_me"))
    ]
    content = [{"type": "input_text", "text": "Hi!"}]
    added = item_event("added", "item_me", None, "user", status="completed", content=content)
    kept = [
        effect.turn
        for effect in call_logic.from_upstream(added, at(1))
        if isinstance(effect, KeepTurn)
    ]
    assert [(turn.item_id, turn.role, turn.modality, turn.text) for turn in kept] == [
        ("item_me", Role.USER, Modality.TEXT, "Hi!")
    ]


def test_the_past_is_never_kept_again() -> None:
    call_logic = fresh(*PAST)
    call_logic.open(created(), at(0.1))
    call_logic.from_upstream(updated(), at(0.2))
    content = [{"type": "input_text", "text": "My name is Aoi."}]
    for kind in ("added", "done"):
        for item in PAST:
            sent = item_event(kind, item.item_id, content=content, status="completed")
            effects = call_logic.from_upstream(sent, at(0.3))
            assert not any(isinstance(effect, KeepTurn) for effect in effects)
    assert call_logic.hang_up(Ending.CLIENT_LEFT, at(1)) == [HangUp(Ending.CLIENT_LEFT)]


def test_a_turn_in_progress_when_the_client_leaves_is_kept_as_interrupted() -> None:
    call_logic = ready()
    begin_response(call_logic)
    kept, counted, hung_up = call_logic.hang_up(Ending.CLIENT_LEFT, at(2))
    assert isinstance(counted, CountUsage) and counted.usage.is_estimated
    assert isinstance(kept, KeepTurn)
    assert kept.turn.text.strip() == "Good morning,"
    assert kept.turn.status is TurnStatus.INTERRUPTED
    assert hung_up == HangUp(Ending.CLIENT_LEFT)


# Time, and the end


def test_an_idle_call_ends() -> None:
    call_logic = ready()
    for minute in range(15):
        # An open microphone alone keeps no call alive.
        call_logic.from_client(append(), at(60 * minute))
        assert call_logic.tick(at(60 * minute)) == []
    effects = call_logic.tick(at(15 * 60 + 1))
    assert effects[-1] == HangUp(Ending.IDLE)
    assert to_client(effects)[0]["code"] == 4408


@pytest.mark.parametrize("who", ["client", "provider"])
def test_events_of_either_side_keep_the_call_alive(who: str) -> None:
    call_logic = ready()
    if who == "client":
        call_logic.from_client(frame(type="response.cancel"), at(600))
    else:
        call_logic.from_upstream(words("item_a", "Hello"), at(600))
    call_logic.tick(at(1000))
    assert call_logic.tick(at(1400)) == []


def test_a_client_that_pings_and_falls_silent_is_disconnected() -> None:
    call_logic = ready()
    call_logic.from_client(frame(type="relay.ping"), at(10))
    assert call_logic.tick(at(100)) == []
    # The provider's events are no sign that the page still runs.
    call_logic.from_upstream(words("item_a", "Hello"), at(100))
    effects = call_logic.tick(at(100.5))
    assert effects[-1] == HangUp(Ending.UNRESPONSIVE)
    (closing,) = to_client(effects)
    assert (closing["type"], closing["code"], closing["retryable"]) == ("relay.closing", 4408, True)


@pytest.mark.parametrize(
    "sent", [append(), frame(type="relay.ping"), frame(type="response.cancel"), "not json"]
)
def test_whatever_a_client_sends_is_a_sign_that_it_runs(sent: str) -> None:
    call_logic = ready()
    call_logic.from_client(frame(type="relay.ping"), at(10))
    call_logic.from_client(sent, at(100))
    assert call_logic.tick(at(190)) == []
    assert call_logic.tick(at(190.5))[-1] == HangUp(Ending.UNRESPONSIVE)


def test_a_client_that_has_never_pinged_may_be_silent() -> None:
    call_logic = ready()
    call_logic.from_client(append(), at(10))
    assert call_logic.tick(at(899)) == []


def test_a_page_that_hangs_before_the_call_is_ready_is_disconnected_too() -> None:
    call_logic = fresh()
    call_logic.from_client(frame(type="relay.ping"), at(0))
    assert call_logic.tick(at(90)) == []
    assert call_logic.tick(at(90.5))[-1] == HangUp(Ending.UNRESPONSIVE)


def test_a_call_has_a_time_limit() -> None:
    call_logic = ready(limits=Limits(idle_s=1e9, longest_call_s=55 * 60))
    assert call_logic.tick(at(55 * 60)) == []
    effects = call_logic.tick(at(55 * 60 + 1))
    assert effects[-1] == HangUp(Ending.TIME_LIMIT)
    assert to_client(effects)[-1]["code"] == 4410


def test_draining_waits_for_the_response_in_progress() -> None:
    call_logic = ready()
    begin_response(call_logic)
    (sent,) = to_client(call_logic.leave(Ending.DRAINING, at(2)))
    assert sent["type"] == "relay.draining"
    assert call_logic.leave(Ending.DRAINING, at(2)) == []
    assert to_client(call_logic.from_upstream(words("item_a", "Aoi."), at(3)))
    effects = call_logic.from_upstream(response_done(), at(4))
    assert to_client(effects)[0]["type"] == "response.done"
    assert to_client(effects)[-1]["code"] == 1012
    assert to_client(effects)[-1]["retryable"]
    assert effects[-1] == HangUp(Ending.DRAINING)


def test_draining_waits_until_the_response_can_have_been_played() -> None:
    call_logic = ready()
    begin_response(call_logic)
    call_logic.from_upstream(audio_delta("item_a", ms=4000), at(2))
    call_logic.leave(Ending.DRAINING, at(2.5))
    assert (
        to_client(call_logic.from_upstream(response_done(), at(3)))[-1]["type"] == "response.done"
    )
    assert not any(isinstance(effect, HangUp) for effect in call_logic.tick(at(5.9)))
    effects = call_logic.tick(at(6))
    assert effects[-1] == HangUp(Ending.DRAINING)
    assert not any(isinstance(effect, KeepTurn) for effect in effects)


def test_draining_waits_for_audio_of_a_response_that_was_already_done() -> None:
    call_logic = ready()
    begin_response(call_logic)
    call_logic.from_upstream(audio_delta("item_a", ms=4000), at(2))
    call_logic.from_upstream(response_done(), at(3))
    (sent,) = to_client(call_logic.leave(Ending.DRAINING, at(3.5)))
    assert sent["type"] == "relay.draining"
    assert call_logic.tick(at(6))[-1] == HangUp(Ending.DRAINING)


def test_draining_waits_no_longer_than_its_limit() -> None:
    call_logic = ready()
    begin_response(call_logic)
    call_logic.leave(Ending.DRAINING, at(2))
    for seconds in (15, 30):
        call_logic.from_upstream(words("item_a", "Aoi."), at(seconds))
        assert not any(isinstance(effect, HangUp) for effect in call_logic.tick(at(seconds)))
    assert not any(isinstance(effect, HangUp) for effect in call_logic.tick(at(31.9)))
    assert call_logic.tick(at(32))[-1] == HangUp(Ending.DRAINING)


def test_a_response_whose_end_was_lost_holds_up_no_drain() -> None:
    call_logic = ready()
    begin_response(call_logic)
    call_logic.tick(at(60))
    assert call_logic.leave(Ending.DRAINING, at(61))[-1] == HangUp(Ending.DRAINING)


def test_a_drain_waits_for_a_silent_response_until_it_counts_as_over() -> None:
    call_logic = ready()
    begin_response(call_logic)
    call_logic.leave(Ending.DRAINING, at(2))
    assert not any(isinstance(effect, HangUp) for effect in call_logic.tick(at(20.9)))
    assert call_logic.tick(at(21))[-1] == HangUp(Ending.DRAINING)


def test_a_response_whose_end_was_lost_does_not_keep_an_idle_call() -> None:
    call_logic = ready()
    begin_response(call_logic)
    assert call_logic.tick(at(1 + 15 * 60 + 1))[-1] == HangUp(Ending.IDLE)


def test_speech_without_a_transcript_is_kept_after_a_while_and_replaced_by_a_late_one() -> None:
    call_logic = ready()
    committed = frame(
        type="input_audio_buffer.committed", event_id="e", item_id="item_u", previous_item_id=None
    )
    done = "conversation.item.input_audio_transcription.completed"
    call_logic.from_upstream(committed, at(1))
    assert call_logic.tick(at(20.9)) == []
    turn = last_turn(call_logic.tick(at(21)))
    assert turn is not None
    assert (turn.text, turn.status, turn.role) == ("", TurnStatus.INTERRUPTED, Role.USER)
    assert call_logic.tick(at(22)) == []
    empty = frame(type=done, event_id="e", item_id="item_u", content_index=0, transcript="")
    assert last_turn(call_logic.from_upstream(empty, at(23))) is None
    late = frame(type=done, event_id="e", item_id="item_u", content_index=0, transcript="Late.")
    turn = last_turn(call_logic.from_upstream(late, at(24)))
    assert turn is not None
    assert (turn.text, turn.status) == ("Late.", TurnStatus.COMPLETED)


def test_draining_a_quiet_call_ends_it_at_once() -> None:
    effects = ready().leave(Ending.DRAINING, at(2))
    assert [event["type"] for event in to_client(effects)] == ["relay.draining", "relay.closing"]
    assert effects[-1] == HangUp(Ending.DRAINING)


@pytest.mark.parametrize("ending", CLOSING_ENDINGS)
def test_the_ending_is_sent_once_with_its_code(ending: Ending) -> None:
    call_logic = ready(language="ja")
    effects = call_logic.hang_up(ending, at(1), retry_after_s=2.2)
    assert effects[-1] == HangUp(ending)
    if ending is Ending.CLIENT_LEFT:
        assert to_client(effects) == []
    else:
        closing = to_client(effects)[-1]
        assert closing["code"] == ending.close_code
        assert closing["message"] == sentence(str(ending), "ja")
        assert closing["retry_after"] == 3
    assert call_logic.hang_up(Ending.INTERNAL, at(2)) == []
    assert call_logic.leave(Ending.DRAINING, at(2)) == []
    assert call_logic.tick(at(10_000)) == []
    assert call_logic.from_client(append(), at(2)) == []
    assert call_logic.from_upstream(words("item_a", "Hello"), at(2)) == []
    assert call_logic.open(created(), at(2)) == []


def test_every_event_of_the_relay_has_an_id_of_its_own() -> None:
    call_logic = ready()
    sent = to_client(
        [
            *call_logic.from_client("x", at(1)),
            *call_logic.from_client(frame(type="x"), at(1)),
            *call_logic.hang_up(Ending.INTERNAL, at(2)),
        ]
    )
    ids = [event["event_id"] for event in sent]
    assert len(set(ids)) == len(ids)
    assert all(event_id.startswith("relay_") for event_id in ids)


# Arbitrary input

TYPES = st.sampled_from(
    [
        "session.created",
        "session.updated",
        "error",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.truncated",
        "conversation.item.deleted",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.failed",
        "input_audio_buffer.committed",
        "input_audio_buffer.append",
        "conversation.item.create",
        "conversation.item.truncate",
        "response.create",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.done",
    ]
)
NAMES = st.sampled_from(
    ["item_id", "item", "id", "role", "content", "content_index", "delta", "event_id", "response"]
    + ["response_id", "status", "status_details", "error", "code", "message", "previous_item_id"]
    + ["transcript", "audio_end_ms", "audio", "output", "usage", "session", "type", "text"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2000)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["item_a", "user", "assistant", "completed", "relay_cfg", "message"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
EVENTS = st.builds(
    lambda kind, fields: json.dumps({**fields, "type": kind}),
    TYPES,
    st.dictionaries(NAMES, VALUES, max_size=6),
)
FRAMES = EVENTS | st.text(max_size=20)


@pytest.mark.slow
@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from(["client", "upstream", "binary", "tick", "leave"]), FRAMES),
        max_size=30,
    )
)
def test_no_input_raises_and_the_end_is_sent_once(
    script: list[tuple[str, str]],
) -> None:
    call_logic = fresh(*PAST)
    effects = call_logic.open(created(), at(0))
    for number, (what, text) in enumerate(script):
        now = at(number / 10)
        match what:
            case "client":
                effects += call_logic.from_client(text, now)
            case "binary":
                effects += call_logic.from_client(text.encode("utf-8", "replace"), now)
            case "upstream":
                effects += call_logic.from_upstream(text, now)
            case "tick":
                effects += call_logic.tick(now)
            case _:
                effects += call_logic.leave(Ending.DRAINING, now)
    effects += call_logic.hang_up(Ending.CLIENT_LEFT, at(99))
    endings = [effect for effect in effects if isinstance(effect, HangUp)]
    assert len(endings) == 1
    assert effects[-1] == endings[0]
    closings = [event for event in to_client(effects) if event.get("type") == "relay.closing"]
    assert len(closings) <= 1
    assert SECRET_INSTRUCTIONS not in json.dumps(to_client(effects))


def test_the_users_words_that_come_after_the_end_are_kept() -> None:
    call_logic = ready()
    call_logic.from_client(typed("Remember me."), at(1))
    call_logic.hang_up(Ending.CLIENT_LEFT, at(1))
    assert call_logic.awaits_upstream
    echo = frame(
        type="conversation.item.added",
        event_id="event_late",
        previous_item_id=None,
        item={
            "id": "item_late",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_text", "text": "Remember me."}],
        },
    )
    effects = call_logic.from_upstream(echo, at(1.1))
    assert [(e.turn.text, e.turn.status) for e in effects if isinstance(e, KeepTurn)] == [
        ("Remember me.", TurnStatus.COMPLETED)
    ]
    assert to_client(effects) == []
    assert not call_logic.awaits_upstream


def committed(item_id: str = "item_u") -> str:
    return frame(type="input_audio_buffer.committed", item_id=item_id, previous_item_id=None)


def transcribed(text: str, item_id: str = "item_u") -> str:
    return frame(
        type="conversation.item.input_audio_transcription.completed",
        item_id=item_id,
        content_index=0,
        transcript=text,
    )


def test_a_sentence_that_is_transcribed_after_a_drain_is_kept() -> None:
    call_logic = ready()
    call_logic.from_upstream(committed(), at(0.5))
    begin_response(call_logic)
    call_logic.leave(Ending.DRAINING, at(2))
    assert call_logic.from_upstream(response_done(), at(4))[-1] == HangUp(Ending.DRAINING)
    assert call_logic.awaits_upstream
    kept = last_turn(call_logic.from_upstream(transcribed("What I said."), at(4.3)))
    assert kept is not None
    assert (kept.text, kept.status) == ("What I said.", TurnStatus.COMPLETED)
    assert not call_logic.awaits_upstream


def test_upstream_is_not_drained_if_the_server_stops_at_once() -> None:
    call_logic = ready()
    call_logic.from_upstream(committed(), at(0.5))
    call_logic.hang_up(Ending.DRAINING, at(1))
    assert not call_logic.awaits_upstream


def test_speech_that_was_committed_just_before_leaving_is_kept() -> None:
    call_logic = ready()
    call_logic.from_client(frame(type="input_audio_buffer.commit"), at(1))
    call_logic.hang_up(Ending.CLIENT_LEFT, at(1))
    assert call_logic.awaits_upstream
    call_logic.from_upstream(committed(), at(1.1))
    call_logic.from_upstream(
        item_event("added", "item_u", content=[{"type": "input_audio", "transcript": None}]),
        at(1.1),
    )
    kept = last_turn(call_logic.from_upstream(transcribed("What I said."), at(1.4)))
    assert kept is not None
    assert (kept.text, kept.status) == ("What I said.", TurnStatus.COMPLETED)
    assert not call_logic.awaits_upstream


def test_no_reply_is_pending_for_what_was_never_sent() -> None:
    call_logic = fresh()
    call_logic.open(created(), at(0.1))
    call_logic.from_client(typed(), at(0.2))
    call_logic.hang_up(Ending.CLIENT_LEFT, at(0.3))
    assert not call_logic.awaits_upstream


def test_upstream_is_not_drained_after_the_provider_failed() -> None:
    call_logic = ready()
    call_logic.from_client(typed(), at(1))
    call_logic.hang_up(Ending.PROVIDER_FAILED, at(1))
    assert not call_logic.awaits_upstream
    assert call_logic.cancel_response() == []


def test_a_response_that_begins_after_the_end_is_cancelled() -> None:
    call_logic = ready()
    call_logic.from_client(typed(), at(1))
    call_logic.hang_up(Ending.CLIENT_LEFT, at(1))
    (cancel,) = to_upstream(call_logic.from_upstream(response_created(), at(1.1)))
    assert json.loads(cancel)["type"] == "response.cancel"
    assert call_logic.awaits_upstream


# What is counted


def speech(kind: str) -> str:
    """`input_audio_buffer.speech_started` or `.speech_stopped`."""
    return frame(type=f"input_audio_buffer.speech_{kind}", event_id="e", item_id="item_u")


def counted_ready() -> tuple[CallLogic, ProcessCounters]:
    counters = ProcessCounters()
    call_logic = CallLogic(plan(), START, counters)
    call_logic.open(created(), at(0.1))
    call_logic.from_upstream(updated(), at(0.2))
    return call_logic, counters


def test_the_first_sound_is_counted_from_the_end_of_speech_and_once_per_answer() -> None:
    call_logic, counters = counted_ready()
    for text, seconds in (
        (speech("started"), 1.0),
        (speech("stopped"), 2.0),
        (audio_delta("item_a"), 2.45),
        (audio_delta("item_a"), 2.5),
    ):
        assert to_client(call_logic.from_upstream(text, at(seconds))), "it passes on"
    assert sum(counters.first_sound.counts) == 1
    assert counters.first_sound.total == pytest.approx(0.45)


def test_speech_that_goes_on_and_typed_messages_have_no_first_sound() -> None:
    call_logic, counters = counted_ready()
    for text, seconds in (
        (audio_delta("item_typed"), 0.5),
        (speech("stopped"), 1.0),
        (speech("started"), 1.2),
        (audio_delta("item_late"), 1.3),
    ):
        call_logic.from_upstream(text, at(seconds))
    assert sum(counters.first_sound.counts) == 0


def test_speech_without_an_answer_has_no_first_sound() -> None:
    call_logic, counters = counted_ready()
    call_logic.from_upstream(speech("stopped"), at(1.0))
    call_logic.tick(at(21.5))
    call_logic.from_upstream(audio_delta("item_of_another"), at(60.0))
    assert sum(counters.first_sound.counts) == 0


def test_refused_frames_are_counted_by_code_also_those_without_an_answer() -> None:
    counters = ProcessCounters()
    limits = Limits(client_burst_frames=2)
    call_logic = CallLogic(plan(limits=limits), START, counters)
    for text in ("not json", frame(type="session.update"), append(), append()):
        call_logic.from_client(text, at(0.1))
    assert counters.client_frames_refused == {
        "frame_not_json": 1,
        "event_not_allowed": 1,
        "rate_limit": 2,
    }


# Budgets


def money(used: str, limit: str = "1") -> BudgetState:
    return BudgetState("money", Decimal(limit), Decimal(used), at(3600))


def test_the_client_hears_of_a_budget_once_for_each_level() -> None:
    call_logic = ready()
    assert call_logic.update_budgets([money("0.5")], at(5)) == []
    (sent,) = to_client(call_logic.update_budgets([money("0.8")], at(10)))
    assert sent == {
        "type": "relay.budget",
        "event_id": sent["event_id"],
        "kind": "money",
        "level": "warning",
        "used": 0.8,
        "left": 0.2,
        "limit": 1.0,
        "resets_at": at(3600).isoformat(),
    }
    assert call_logic.update_budgets([money("0.9")], at(15)) == []
    (sent,) = to_client(call_logic.update_budgets([], at(20)))
    assert (sent["level"], "used" in sent) == ("ok", False)
    assert call_logic.state is State.READY


def test_a_spent_budget_ends_the_call_after_the_answer_in_progress() -> None:
    call_logic = ready()
    begin_response(call_logic)
    (sent,) = to_client(call_logic.update_budgets([money("1")], at(2)))
    assert (sent["type"], sent["level"]) == ("relay.budget", "spent")
    assert to_client(call_logic.from_upstream(words("item_a", "Aoi."), at(3)))
    assert call_logic.update_budgets([money("1.1")], at(3.5)) == []
    effects = call_logic.from_upstream(response_done(), at(4))
    assert to_client(effects)[0]["type"] == "response.done"
    closing = to_client(effects)[-1]
    assert (closing["code"], closing["reason"], closing["retryable"]) == (
        4429,
        "budget_spent",
        False,
    )
    assert closing["retry_after"] == 3596
    assert closing["resets_at"] == at(3600).isoformat()
    assert closing["message"] == sentence("budget_spent", "en", at(3600))
    assert effects[-1] == HangUp(Ending.BUDGET_SPENT)


def test_a_spent_budget_ends_a_call_without_an_answer_at_once() -> None:
    call_logic = ready()
    effects = call_logic.update_budgets([money("1")], at(2))
    assert [each["type"] for each in to_client(effects)] == ["relay.budget", "relay.closing"]
    assert effects[-1] == HangUp(Ending.BUDGET_SPENT)
    assert call_logic.update_budgets([money("0")], at(3)) == []


def test_an_answer_that_never_ends_ends_with_the_call() -> None:
    call_logic = ready()
    begin_response(call_logic)
    call_logic.update_budgets([money("1")], at(2))
    for second in range(3, 32):
        call_logic.from_upstream(words("item_a", "more "), at(second))
        assert call_logic.state is State.READY
    assert call_logic.tick(at(32))[-1] == HangUp(Ending.BUDGET_SPENT)


def test_a_budget_that_is_raised_during_the_last_answer_lets_the_call_go_on() -> None:
    call_logic = ready()
    begin_response(call_logic)
    call_logic.update_budgets([money("1")], at(2))
    (sent,) = to_client(call_logic.update_budgets([money("1", "10")], at(7)))
    assert sent["level"] == "ok"
    effects = call_logic.from_upstream(response_done(), at(8))
    assert not any(isinstance(effect, HangUp) for effect in effects)
    assert call_logic.state is State.READY


def test_a_raised_budget_does_not_stop_a_drain() -> None:
    call_logic = ready()
    begin_response(call_logic)
    call_logic.leave(Ending.DRAINING, at(2))
    call_logic.update_budgets([money("1")], at(3))
    call_logic.update_budgets([money("0")], at(4))
    assert call_logic.from_upstream(response_done(), at(5))[-1] == HangUp(Ending.DRAINING)


def test_a_drain_during_the_last_answer_of_a_budget_outlives_a_raised_budget() -> None:
    call_logic = ready()
    begin_response(call_logic)
    call_logic.update_budgets([money("1")], at(2))
    (sent,) = to_client(call_logic.leave(Ending.DRAINING, at(3)))
    assert sent["type"] == "relay.draining"
    assert call_logic.leave(Ending.DRAINING, at(3)) == []
    call_logic.update_budgets([money("0")], at(4))
    assert call_logic.from_upstream(response_done(), at(5))[-1] == HangUp(Ending.DRAINING)


def test_a_budget_of_zero_has_no_time_at_which_it_starts_again() -> None:
    call_logic = ready()
    never = BudgetState("money", Decimal(0), Decimal(0), None)
    closing = to_client(call_logic.update_budgets([never], at(2)))[-1]
    assert "retry_after" not in closing
    assert "resets_at" not in closing
    assert closing["message"] == sentence("budget_spent", "en")


STEPS = st.sampled_from(
    [
        append(), typed(), frame(type="relay.ping"), frame(type="response.create"),
        frame(type="input_audio_buffer.commit"),
    ]
).map(lambda text: ("client", text)) | st.sampled_from(
    [
        updated(), words("item_a", "Good "), audio_delta("item_a", 3000), response_created(),
        response_done(), item_event("added", "item_a", None, "assistant"),
        frame(type="input_audio_buffer.speech_started", item_id="item_u"),
        frame(type="input_audio_buffer.speech_stopped", item_id="item_u"),
        frame(type="input_audio_buffer.committed", item_id="item_u", previous_item_id=None),
        transcribed("What I said."),
    ]
).map(lambda text: ("upstream", text))  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(st.tuples(STEPS, st.floats(0, 100)), max_size=12),
    st.booleans(),
    st.sampled_from([0.0, 60.0, 7000.0]),
    st.sampled_from([None, 8000]),
)
def test_while_a_call_rests_the_clock_decides_nothing(
    script: list[tuple[tuple[str, str], float]],
    is_leaving: bool,
    longest_call_s: float,
    history_tokens: int | None,
) -> None:
    limits = Limits(longest_call_s=longest_call_s)
    call_logic = CallLogic(plan(limits=limits, history_tokens=history_tokens), at(0))
    call_logic.open(created(), at(0))
    call_logic.from_upstream(updated(), at(0))
    now_s = 0.0
    for (side, text), wait_s in script:
        now_s += wait_s
        decide = call_logic.from_client if side == "client" else call_logic.from_upstream
        decide(text, at(now_s))
    if is_leaving:
        call_logic.leave(Ending.DRAINING, at(now_s))
    call_logic.tick(at(now_s))
    rest_s = call_logic.rest_s(at(now_s))
    for share in (0.1, 0.5, 0.999):
        later = at(now_s + share * rest_s)
        assert call_logic.tick(later) == [] or not rest_s
        assert call_logic.due_step(later) is None or not rest_s


def test_a_call_in_which_nothing_goes_on_rests_until_its_next_rule() -> None:
    limits = Limits(longest_call_s=3000)
    call_logic = ready(limits=limits)
    assert call_logic.rest_s(at(10)) == pytest.approx(15 * 60 + 0.2 - 10)
    call_logic.from_client(frame(type="relay.ping"), at(10))
    assert call_logic.rest_s(at(11)) == pytest.approx(89)
    begin_response(call_logic)
    assert call_logic.rest_s(at(12)) == 0
