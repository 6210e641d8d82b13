"""The engine, fed events and a clock of its own."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.simulator.engine import HANDLERS, EngineOptions
from tests.simulator.equipment import (
    MANUAL,
    TRANSCRIBING,
    Bench,
    append,
    error_of,
    noise,
    only,
    silence,
    speech,
    types,
)

SPOKEN_TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
]
ANSWER_OPENS = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
ANSWER_ENDS = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
    "rate_limits.updated",
]
DELTAS = ("response.output_audio.delta", "response.output_audio_transcript.delta")


def without_deltas(found: list[str]) -> list[str]:
    return [each for each in found if each not in DELTAS]


# ── The session ─────────────────────────────────────────────────────────────────────────────────


def test_it_opens_with_its_default_configuration() -> None:
    bench = Bench(EngineOptions(cap_s=3600))
    session = only(bench.events, "session.created")["session"]
    assert types(bench.events) == ["session.created"]
    assert session["expires_at"] == 1_000 + 3600
    assert session["model"] == "gpt-realtime"
    assert session["instructions"]
    assert session["audio"]["input"]["transcription"] is None


def test_an_update_needs_the_session_type_and_changes_nothing_without_it() -> None:
    bench = Bench()
    found = bench.send("session.update", event_id="cfg", session={"instructions": "Be brief."})
    assert error_of(found) == {
        "type": "invalid_request_error",
        "code": "missing_required_parameter",
        "message": "Missing required parameter: 'session.type'.",
        "param": "session.type",
        "event_id": "cfg",
    }
    assert "Be brief." not in only(bench.configure({}), "session.updated")["session"].values()


def test_the_voice_is_locked_once_the_assistant_spoke_and_the_whole_update_is_refused() -> None:
    bench = Bench()
    bench.configure({"audio": {"output": {"voice": "cedar"}}})
    bench.send("response.create")
    found = bench.configure({"instructions": "New.", "audio": {"output": {"voice": "ash"}}})
    assert error_of(found)["code"] == "cannot_update_voice"
    session = only(bench.configure({}), "session.updated")["session"]
    assert session["instructions"] != "New."
    assert session["audio"]["output"]["voice"] == "cedar"


def test_a_written_answer_does_not_lock_the_voice() -> None:
    bench = Bench()
    bench.configure({"output_modalities": ["text"]})
    bench.send("response.create")
    assert types(bench.configure({"audio": {"output": {"voice": "ash"}}})) == ["session.updated"]


def test_it_ends_at_its_cap_with_an_error_and_a_close() -> None:
    bench = Bench(EngineOptions(cap_s=120))
    assert bench.wait(119.9) == []
    error = error_of(bench.wait(0.2))
    assert error["code"] == "session_expired"
    assert bench.closed is not None
    assert (bench.closed.code, bench.closed.reason) == (1001, error["message"])
    assert error["message"] == "Your session hit the maximum duration of 2 minutes."
    assert bench.send("response.create") == []
    assert bench.engine.wakes_at is None


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        (None, "invalid_event", "type"),
        ([], "invalid_event", "type"),
        ({"type": 3}, "invalid_event", "type"),
        ({"type": "conversation.item.created"}, "invalid_value", "type"),
        ({"type": "response.create", "stream": True}, "unknown_parameter", "stream"),
        ({"type": "response.create", "response": {"a": 1}}, "unknown_parameter", "response.a"),
        ({"type": "response.create", "response": 1}, "invalid_value", "response"),
        (
            {"type": "response.create", "response": {"output_modalities": ["audio", "text"]}},
            "invalid_value",
            "response.output_modalities",
        ),
        (
            {"type": "response.create", "response": {"audio": {"output": {"voice": "nobody"}}}},
            "invalid_value",
            "response.audio.output.voice",
        ),
        (
            {"type": "response.create", "response": {"input": "x"}},
            "invalid_value",
            "response.input",
        ),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "%%"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "audio"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "conversation.item.create"}, "missing_required_parameter", "item"),
        ({"type": "conversation.item.delete"}, "missing_required_parameter", "item_id"),
    ],
)
def test_what_it_does_not_understand_is_an_error_and_the_session_goes_on(
    event: Any, code: str, param: str
) -> None:
    bench = Bench()
    error = error_of(bench.hear_of(event))
    assert (error["code"], error["param"]) == (code, param)
    assert types(bench.configure({})) == ["session.updated"]


WORDS = (
    "type role content text audio id item input output voice format transcription turn_detection "
    "noise_reduction model instructions speed conversation metadata input_audio output_audio "
    "message user assistant realtime server_vad threshold silence_duration_ms language"
)
NAMES = st.sampled_from(WORDS.split())
NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.data())
def test_no_json_breaks_it(data: st.DataObject) -> None:
    bench = Bench()
    for type in data.draw(st.lists(st.sampled_from(sorted(HANDLERS)), min_size=1, max_size=4)):
        fields = {name: data.draw(NONSENSE) for name in HANDLERS[type][1]}
        if type == "session.update" and isinstance(fields["session"], dict):
            fields["session"]["type"] = "realtime"
        bench.send(type, **fields)
    bench.send("response.create")
    bench.wait(5)
    assert types(bench.configure({})) == ["session.updated"]


def test_every_event_has_an_id_of_its_own() -> None:
    bench = Bench()
    bench.send("response.create")
    ids = [event["event_id"] for event in bench.events]
    assert len(set(ids)) == len(ids)


# ── Speech ──────────────────────────────────────────────────────────────────────────────────────


def test_a_spoken_turn_is_heard_and_answered_in_the_order_of_the_protocol() -> None:
    bench = Bench()
    bench.configure(TRANSCRIBING)
    found = bench.play(silence(600) + speech(1_200) + silence(800))
    transcript = "conversation.item.input_audio_transcription"
    assert without_deltas(types(found)) == [
        *SPOKEN_TURN,
        f"{transcript}.delta",
        f"{transcript}.completed",
        *ANSWER_OPENS,
        *ANSWER_ENDS,
    ]
    user = found[0]["item_id"]
    assert {event["item_id"] for event in found[:3]} == {user}
    assert found[3]["item"]["id"] == user
    answer = only(found[6:], "conversation.item.added")
    assert answer["previous_item_id"] == user
    assert found[2]["previous_item_id"] is None


def test_what_is_committed_is_the_sound_bit_for_bit_from_the_prefix_to_the_silence() -> None:
    bench = Bench()
    pcm = silence(1_000) + speech(900) + silence(900)
    found = bench.play(pcm)
    start = only(found, "input_audio_buffer.speech_started")["audio_start_ms"]
    end = only(found, "input_audio_buffer.speech_stopped")["audio_end_ms"]
    assert 650 <= start <= 720
    assert 2_050 <= end <= 2_150
    item = only(
        bench.send("conversation.item.retrieve", item_id=found[0]["item_id"]),
        "conversation.item.retrieved",
    )
    kept = base64.b64decode(item["item"]["content"][0]["audio"])
    assert kept == pcm[start * 48 : end * 48]


def test_silence_is_silence_and_steady_noise_does_not_talk_for_ever() -> None:
    assert Bench().play(silence(5_000)) == []
    found = Bench().play(silence(1_000) + noise(12_000))
    assert types(found).count("input_audio_buffer.speech_started") <= 1
    started = "input_audio_buffer.speech_started" in types(found)
    assert started == ("input_audio_buffer.speech_stopped" in types(found))


def test_without_turn_detection_nothing_happens_until_the_client_commits() -> None:
    bench = Bench()
    bench.configure(MANUAL)
    assert bench.play(speech(1_000) + silence(1_000)) == []
    found = bench.send("input_audio_buffer.commit")
    assert types(found) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert "response.done" in types(bench.send("response.create"))


def test_less_than_a_tenth_of_a_second_cannot_be_committed() -> None:
    bench = Bench()
    bench.configure(MANUAL)
    bench.hear_of(append(silence(99)))
    error = error_of(bench.send("input_audio_buffer.commit", event_id="c1"))
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert error["event_id"] == "c1"
    bench.hear_of(append(silence(1)))
    assert "input_audio_buffer.committed" in types(bench.send("input_audio_buffer.commit"))


def test_a_cleared_buffer_holds_nothing_to_commit() -> None:
    bench = Bench()
    bench.configure(MANUAL)
    bench.hear_of(append(silence(500)))
    assert types(bench.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert "error" in types(bench.send("input_audio_buffer.commit"))


def test_create_response_false_only_commits() -> None:
    bench = Bench()
    bench.configure(
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}}
    )
    assert "response.created" not in types(bench.play(speech(800) + silence(800)))


def test_semantic_voice_activity_waits_longer_the_less_eager_it_is() -> None:
    def turns(eagerness: str) -> int:
        bench = Bench()
        detection = {"type": "semantic_vad", "eagerness": eagerness}
        bench.configure({"audio": {"input": {"turn_detection": detection}}})
        found = bench.play(speech(700) + silence(600) + speech(700) + silence(1_500))
        return types(found).count("input_audio_buffer.committed")

    assert (turns("high"), turns("low")) == (2, 1)


def test_an_idle_caller_is_asked_after_the_timeout() -> None:
    bench = Bench()
    detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
    bench.configure({"audio": {"input": {"turn_detection": detection}}})
    bench.send("response.create")
    assert bench.wait(5.9) == []
    found = bench.wait(0.2)
    assert types(found)[:5] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]


# ── Transcripts ─────────────────────────────────────────────────────────────────────────────────

COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"


def test_there_is_no_transcript_unless_it_was_asked_for() -> None:
    found = Bench().play(speech(800) + silence(800))
    assert not [each for each in types(found) if "transcription" in each]


def test_a_transcript_is_billed_by_the_second_and_its_pieces_join_to_it() -> None:
    bench = Bench()
    bench.will_hear = "How do you handle orders?"
    bench.configure(TRANSCRIBING)
    found = bench.play(silence(600) + speech(1_000) + silence(800))
    completed = only(found, COMPLETED)
    pieces = [each["delta"] for each in found if each["type"].endswith("transcription.delta")]
    assert "".join(pieces) == completed["transcript"] == bench.will_hear
    assert completed["usage"]["type"] == "duration"
    assert 1.2 <= completed["usage"]["seconds"] <= 1.9


def test_what_is_not_understood_fails_and_is_answered_all_the_same() -> None:
    bench = Bench()
    bench.will_hear = None
    bench.configure(TRANSCRIBING)
    found = bench.play(speech(800) + silence(800))
    assert only(found, FAILED)["error"]["code"] == "speech_not_recognised"
    done = only(found, "response.done")["response"]
    assert done["output"][0]["content"][0]["transcript"].startswith("You said None")


def test_every_nth_transcript_comes_after_the_answer() -> None:
    bench = Bench(EngineOptions(pace=0, late_every=2))
    bench.configure(TRANSCRIBING)
    turn = speech(800) + silence(800)
    first, second = types(bench.play(turn)), types(bench.play(turn))
    assert first.index(COMPLETED) < first.index("response.done")
    assert second.index(COMPLETED) > second.index("response.done")


def test_a_late_transcript_without_an_answer_still_comes() -> None:
    bench = Bench(EngineOptions(pace=0, late_every=1))
    bench.configure(TRANSCRIBING, MANUAL)
    bench.hear_of(append(speech(500)))
    assert COMPLETED not in types(bench.send("input_audio_buffer.commit"))
    assert COMPLETED in types(bench.wait(1))


# ── Answers ─────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_waits_until_the_question_is_understood() -> None:
    bench = Bench()
    bench.holds_hearing = True
    found = bench.play(speech(800) + silence(800))
    assert types(found)[-1] == "response.created"
    bench.will_hear = "What is the price?"
    done = only(bench.release(), "response.done")["response"]
    said = done["output"][0]["content"][0]["transcript"]
    assert said == "You said 'What is the price?' after 0 answers."


def test_sound_and_caption_come_together_at_the_pace_that_was_asked_for() -> None:
    bench = Bench(EngineOptions(pace=2))
    bench.line_ms = 1_600
    opening = bench.send("response.create")
    assert types(opening)[-1] == "response.output_audio.delta"
    at: list[float] = []
    while "response.done" not in types(bench.events):
        bench.wait(0.01)
        at += [bench.now] * types(bench.events).count("response.done")
    assert at[0] - 1_000 == pytest.approx(0.8, abs=0.03)
    sound = [each for each in bench.events if each["type"] == "response.output_audio.delta"]
    assert b"".join(base64.b64decode(each["delta"]) for each in sound) == speech(1_600)
    words = [each for each in bench.events if each["type"] == DELTAS[1]]
    done = only(bench.events, "response.output_audio_transcript.done")
    assert "".join(each["delta"] for each in words) == done["transcript"]
    order = [each["type"] for each in bench.events if each["type"] in DELTAS]
    half = order[len(order) // 2 :]
    assert DELTAS[1] in half


def test_a_written_answer_has_no_sound() -> None:
    bench = Bench()
    found = bench.send("response.create", response={"output_modalities": ["text"]})
    assert not [each for each in types(found) if "audio" in each]
    deltas = [each["delta"] for each in found if each["type"] == "response.output_text.delta"]
    assert "".join(deltas) == only(found, "response.output_text.done")["text"]
    assert only(found, "response.content_part.added")["part"]["type"] == "text"


def test_a_second_response_is_refused_while_one_is_active() -> None:
    bench = Bench(EngineOptions(pace=1))
    bench.send("response.create")
    error = error_of(bench.send("response.create", event_id="r2"))
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "r2"
    assert types(bench.wait(2)).count("response.done") == 1


def test_a_response_outside_the_conversation_may_run_beside_it_and_leaves_no_item() -> None:
    bench = Bench(EngineOptions(pace=1))
    bench.send("response.create")
    aside = {"conversation": "none", "output_modalities": ["text"], "metadata": {"for": "title"}}
    question = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hm?"}],
    }
    bench.send("response.create", response={**aside, "input": [question]})
    found = [each for each in [*bench.events, *bench.wait(5)] if each["type"] == "response.done"]
    (side,) = [each["response"] for each in found if each["response"]["conversation_id"] is None]
    assert side["metadata"] == {"for": "title"}
    assert "Hm?" in side["output"][0]["content"][0]["text"]
    assert types(bench.events).count("conversation.item.added") == 1


def test_a_cancelled_answer_is_closed_in_order_and_counts_what_was_made() -> None:
    bench = Bench(EngineOptions(pace=1))
    bench.line_ms = 4_000
    bench.send("response.create")
    bench.wait(1)
    found = bench.send("response.cancel")
    assert types(found) == ANSWER_ENDS
    response = only(found, "response.done")["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert response["output"][0]["status"] == "incomplete"
    assert 15 <= response["usage"]["output_token_details"]["audio_tokens"] <= 30
    assert bench.wait(10) == []


def test_cancelling_nothing_is_a_harmless_error() -> None:
    assert error_of(Bench().send("response.cancel"))["code"] == "response_cancel_not_active"


def test_a_response_can_be_cancelled_by_its_id() -> None:
    bench = Bench(EngineOptions(pace=1))
    made = only(bench.send("response.create"), "response.created")["response"]
    assert "error" in types(bench.send("response.cancel", response_id="resp_other"))
    assert "response.done" in types(bench.send("response.cancel", response_id=made["id"]))


def test_speech_interrupts_the_answer() -> None:
    bench = Bench(EngineOptions(pace=1))
    bench.line_ms = 8_000
    bench.send("response.create")
    bench.wait(1)
    found = types(bench.play(speech(400)))
    assert found.index("input_audio_buffer.speech_started") < found.index("response.done")
    done = only(bench.events, "response.done")["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert "response.created" in types(bench.play(speech(400) + silence(800)))


def test_speech_interrupts_an_answer_that_has_not_begun() -> None:
    bench = Bench()
    bench.holds_speech = True
    bench.send("response.create")
    bench.play(speech(400))
    done = only(bench.events, "response.done")["response"]
    assert (done["status"], done["output"]) == ("cancelled", [])
    assert bench.release() == []


def test_without_interruption_the_answer_goes_on_and_the_next_one_follows() -> None:
    bench = Bench(EngineOptions(pace=1, late_every=0))
    bench.line_ms = 6_000
    detection = {"type": "server_vad", "interrupt_response": False}
    bench.configure({"audio": {"input": {"turn_detection": detection}}})
    bench.send("response.create")
    bench.play(speech(800) + silence(800))
    assert types(bench.events).count("response.created") == 1
    bench.wait(20)
    states = [
        each["response"]["status"] for each in bench.events if each["type"] == "response.done"
    ]
    assert states == ["completed", "completed"]


def test_a_broken_voice_fails_the_response_only() -> None:
    bench = Bench()
    bench.line_ms = None
    response = only(bench.send("response.create"), "response.done")["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "speech_synthesis_failed"
    bench.line_ms = 500
    assert only(bench.send("response.create"), "response.done")["response"]["status"] == "completed"


def test_a_rate_limit_fails_the_response_on_request() -> None:
    bench = Bench()
    bench.engine.troubles.rate_limited_responses = 1
    response = only(bench.send("response.create"), "response.done")["response"]
    assert response["status_details"]["error"]["code"] == "rate_limit_exceeded"
    assert only(bench.send("response.create"), "response.done")["response"]["status"] == "completed"


def test_an_update_is_refused_on_request() -> None:
    bench = Bench()
    bench.engine.troubles.refused_updates = 1
    assert "error" in types(bench.configure({}))
    assert "session.updated" in types(bench.configure({}))


# ── Items ───────────────────────────────────────────────────────────────────────────────────────


def text_item(text: str, role: str = "user", **fields: Any) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"type": "message", "role": role, "content": content, **fields}


def test_items_are_put_where_they_belong() -> None:
    bench = Bench()
    places: list[Callable[[], Any]] = [
        lambda: bench.send("conversation.item.create", item=text_item("b", id="b")),
        lambda: bench.send(
            "conversation.item.create", item=text_item("a", id="a"), previous_item_id="root"
        ),
        lambda: bench.send(
            "conversation.item.create",
            item=text_item("c", "assistant", id="c"),
            previous_item_id="a",
        ),
    ]
    before = [[each["previous_item_id"] for each in place()] for place in places]
    assert before == [[None, None], [None, None], ["a", "a"]]
    assert types(bench.events[1:3]) == ["conversation.item.added", "conversation.item.done"]


def test_an_id_cannot_be_used_twice_and_an_unknown_place_is_refused() -> None:
    bench = Bench()
    bench.send("conversation.item.create", item=text_item("x", id="x"))
    again = bench.send("conversation.item.create", item=text_item("y", id="x"))
    assert error_of(again)["code"] == "item_create_duplicate_item_id"
    lost = bench.send("conversation.item.create", item=text_item("z"), previous_item_id="nowhere")
    assert error_of(lost)["param"] == "previous_item_id"


def test_a_typed_message_is_answered() -> None:
    bench = Bench()
    bench.send("conversation.item.create", item=text_item("Good morning."))
    done = only(bench.send("response.create"), "response.done")["response"]
    assert "Good morning." in done["output"][0]["content"][0]["transcript"]


def test_assistant_sound_cannot_be_replayed() -> None:
    sound = {"type": "output_audio", "transcript": "Hello."}
    item = {"type": "message", "role": "assistant", "content": [sound]}
    error = error_of(Bench().send("conversation.item.create", item=item))
    assert (error["code"], error["param"]) == (
        "missing_required_parameter",
        "item.content[0].text",
    )


def test_an_item_can_be_deleted_once() -> None:
    bench = Bench()
    bench.send("conversation.item.create", item=text_item("x", id="x"))
    assert types(bench.send("conversation.item.delete", item_id="x")) == [
        "conversation.item.deleted"
    ]
    gone = error_of(bench.send("conversation.item.delete", item_id="x"))
    assert gone["code"] == "item_delete_invalid_item_id"
    lost = error_of(bench.send("conversation.item.retrieve", item_id="x"))
    assert lost["code"] == "item_retrieve_invalid_item_id"


def test_truncation_shortens_the_sound_and_removes_the_transcript() -> None:
    bench = Bench()
    item = only(bench.send("response.create"), "response.output_item.done")["item"]
    assert item["content"][0]["transcript"]
    cut = {"item_id": item["id"], "content_index": 0}
    found = bench.send("conversation.item.truncate", **cut, audio_end_ms=400)
    assert only(found, "conversation.item.truncated")["audio_end_ms"] == 400
    kept = only(
        bench.send("conversation.item.retrieve", item_id=item["id"]), "conversation.item.retrieved"
    )["item"]["content"][0]
    assert kept["transcript"] is None
    assert base64.b64decode(kept["audio"]) == speech(1_000)[: 400 * 48]
    longer = error_of(bench.send("conversation.item.truncate", **cut, audio_end_ms=401))
    assert longer["code"] == "invalid_value"
    assert "already shorter than 401ms" in longer["message"]


@pytest.mark.parametrize(
    "fields",
    [
        {"item_id": "nobody", "content_index": 0, "audio_end_ms": 1},
        {"item_id": "x", "content_index": 0, "audio_end_ms": 1},
        {"item_id": "x", "content_index": 1, "audio_end_ms": 1},
        {"item_id": "x", "content_index": 0, "audio_end_ms": -1},
        {"item_id": "x", "content_index": 0, "audio_end_ms": 1.5},
        {"item_id": "x", "content_index": 0},
    ],
)
def test_only_the_assistants_sound_can_be_truncated(fields: dict[str, Any]) -> None:
    bench = Bench()
    bench.send("conversation.item.create", item=text_item("x", id="x"))
    assert types(bench.send("conversation.item.truncate", **fields)) == ["error"]


# ── Bills ───────────────────────────────────────────────────────────────────────────────────────


def test_each_response_bills_the_conversation_again_with_its_known_part_cached() -> None:
    bench = Bench()
    turn = speech(6_400) + silence(800)
    bench.play(turn)
    bench.play(turn)
    first, second = [
        each["response"]["usage"] for each in bench.events if each["type"] == "response.done"
    ]
    assert first["input_token_details"]["cached_tokens"] == 0
    assert 64 <= first["input_token_details"]["audio_tokens"] <= 72
    assert first["output_token_details"]["audio_tokens"] == 20
    grown = second["input_token_details"]["audio_tokens"]
    assert grown >= first["input_token_details"]["audio_tokens"] * 2 + 20 - 3
    assert second["input_token_details"]["cached_tokens_details"]["audio_tokens"] == 64
    for usage in (first, second):
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        details = usage["input_token_details"]
        assert details["text_tokens"] + details["audio_tokens"] == usage["input_tokens"]
