"""The assembler against the tapes, against events in any order, and law by law."""

import json
import random
import shutil
import subprocess
import weakref
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from backend.protocol.frames import peek_from_upstream
from backend.protocol.transcript.assembler import TEXT_DELTAS, TranscriptAssembler
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus
from tests.protocol.interleavings import (
    ConversationMaker,
    TurnStore,
    apply,
    fed,
    merged,
    reordered,
    repeated,
    turns_of,
    upstream_events,
)
from tests.tapes import (
    FOLDER,
    NAMES,
    STARTED_AT,
    as_expected,
    expected_turns,
    past_turns,
    tape,
)
from tests.tapes.writer import TapeWriter, files, spoken, turn

PAGE_ASSEMBLER = Path(__file__).resolve().parent / "page_transcript.mjs"


def _upstream_events(name: str) -> list[dict[str, Any]]:
    return [dict(line.event) for line in tape(name) if line.side == "upstream"]


def _past_ids(name: str) -> list[str]:
    return [past["item_id"] for past in past_turns(name)]


def _fed(call: TapeWriter, past: tuple[str, ...] = ()) -> TranscriptAssembler:
    return fed(upstream_events(call), past)


def _texts(assembler: TranscriptAssembler) -> list[str]:
    return [turn_.text for turn_ in assembler.turns()]


# Tapes


def test_there_are_tapes() -> None:
    assert len(NAMES) >= 12


def test_the_tapes_are_what_the_tape_writer_writes() -> None:
    found = {
        path.name: path.read_text(encoding="utf-8")
        for path in FOLDER.iterdir()
        if path.suffix in (".json", ".jsonl")
    }
    assert found == files()


@pytest.mark.parametrize("name", NAMES)
def test_a_tape_gives_its_expected_turns(name: str) -> None:
    assembler = TranscriptAssembler(_past_ids(name))
    for line in tape(name):
        if line.side == "upstream":
            apply(assembler, dict(line.event), line.at)
    assert turns_of(assembler) == expected_turns(name)


@pytest.mark.parametrize("name", NAMES)
def test_deltas_of_text_read_from_their_frames_give_the_same_turns(name: str) -> None:
    assembler = TranscriptAssembler(_past_ids(name))
    newest: dict[tuple[str, int], Turn] = {}
    for line in tape(name):
        if line.side != "upstream":
            continue
        frame = peek_from_upstream(json.dumps(line.event))
        if frame.type in TEXT_DELTAS:
            assembler.add_delta(frame, line.at)
        else:
            newest |= {(one.item_id, one.content_index): one for one in assembler.changed(line.at)}
            changed = apply(assembler, dict(line.event), line.at)
            newest |= {(one.item_id, one.content_index): one for one in changed}
    assert turns_of(assembler) == expected_turns(name)
    assert sorted(newest.values(), key=lambda one: one.position) == assembler.turns()


def test_an_item_that_only_its_deltas_join_to_a_response_ends_with_it() -> None:
    assembler, part = TranscriptAssembler(), {"type": "output_audio"}
    item = {"id": "item_1", "role": "assistant", "status": "in_progress", "content": [part]}
    assembler.feed({"type": "conversation.item.added", "item": item}, STARTED_AT)
    delta = {
        "type": "response.output_audio_transcript.delta",
        "response_id": "resp_1",
        "item_id": "item_1",
        "delta": "Hello",
    }
    assembler.add_delta(peek_from_upstream(json.dumps(delta)), STARTED_AT)
    done = {"type": "response.done", "response": {"id": "resp_1", "status": "cancelled"}}
    (said,) = assembler.feed(done, STARTED_AT)
    assert (said.text, said.status) == ("Hello", TurnStatus.INTERRUPTED)


@pytest.mark.parametrize("name", NAMES)
def test_finishing_at_the_end_of_a_tape_changes_nothing(name: str) -> None:
    assembler = fed(_upstream_events(name), _past_ids(name))
    assembler.finish(STARTED_AT)
    assert turns_of(assembler) == expected_turns(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_tape_whose_past_is_forgotten_keeps_its_turns_in_order(name: str) -> None:
    assembler = fed(_upstream_events(name), _past_ids(name))
    assembler.finish(STARTED_AT)
    assembler.forget_past()
    assert assembler.changed(STARTED_AT) == []
    assert turns_of(assembler) == expected_turns(name)


def test_a_past_that_is_forgotten_is_released() -> None:
    class PastId(str):
        """A str that can be referred to weakly."""

    past = [PastId(f"item_{number}") for number in range(3)]
    references = [weakref.ref(item_id) for item_id in past]
    assembler = TranscriptAssembler(past)
    del past
    assert all(reference() for reference in references)
    assembler.forget_past()
    assert not any(reference() for reference in references)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(rng=st.randoms(use_true_random=False))
def test_a_tape_in_another_order_gives_the_same_turns(name: str, rng: random.Random) -> None:
    events = reordered(_upstream_events(name), rng)
    assert turns_of(fed(events, _past_ids(name))) == expected_turns(name)


# The second is official, but the SDK's types allow no half of a surrogate pair.
_NOT_OFFICIAL = {"duplicates_and_unknown_types", "divided_characters"}
_SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in _NOT_OFFICIAL])
def test_every_event_of_a_tape_is_one_of_the_official_sdk(name: str) -> None:
    for event in _upstream_events(name):
        _SERVER_EVENT.validate_python(event)


# Interleavings


@pytest.mark.slow
@settings(max_examples=200)
@given(rng=st.randoms(use_true_random=False), utterances=st.integers(0, 8))
def test_a_conversation_gives_its_turns_in_any_order_of_events(
    rng: random.Random, utterances: int
) -> None:
    conversation = ConversationMaker(rng).conversation(utterances)
    events = repeated(merged(conversation.streams, rng), rng)
    assert turns_of(fed(events)) == conversation.turns


@settings(max_examples=60)
@given(rng=st.randoms(use_true_random=False), utterances=st.integers(1, 5))
def test_the_newest_version_of_each_returned_turn_is_the_transcript_at_any_moment(
    rng: random.Random, utterances: int
) -> None:
    conversation = ConversationMaker(rng).conversation(utterances)
    assembler, store = TranscriptAssembler(), TurnStore()
    for number, event in enumerate(repeated(merged(conversation.streams, rng), rng)):
        news = apply(assembler, event, STARTED_AT + timedelta(milliseconds=number))
        store.keep(news)
        turns = assembler.turns()
        assert store.turns() == turns
        assert [said.position for said in turns] == list(range(len(turns)))
        assert [said.position for said in news] == sorted(said.position for said in news)
        assert assembler.feed({"type": "rate_limits.updated"}, STARTED_AT) == []


@settings(max_examples=60)
@given(rng=st.randoms(use_true_random=False), utterances=st.integers(1, 5))
def test_a_final_status_never_goes_back_to_in_progress(rng: random.Random, utterances: int) -> None:
    conversation = ConversationMaker(rng).conversation(utterances)
    assembler, final = TranscriptAssembler(), set[tuple[str, int]]()
    for event in repeated(merged(conversation.streams, rng), rng):
        for version in apply(assembler, event, STARTED_AT):
            key = version.item_id, version.content_index
            if version.status is not TurnStatus.IN_PROGRESS:
                final.add(key)
            assert key not in final or version.status is not TurnStatus.IN_PROGRESS


@settings(max_examples=60)
@given(rng=st.randoms(use_true_random=False), utterances=st.integers(1, 5), data=st.data())
def test_a_call_that_ends_anywhere_leaves_no_turn_in_progress(
    rng: random.Random, utterances: int, data: st.DataObject
) -> None:
    conversation = ConversationMaker(rng).conversation(utterances)
    events = merged(conversation.streams, rng)
    end = data.draw(st.integers(0, len(events)))
    assembler, store = TranscriptAssembler(), TurnStore()
    for event in events[:end]:
        store.keep(apply(assembler, event, STARTED_AT))
    store.keep(assembler.finish(STARTED_AT))
    assert store.turns() == assembler.turns()
    assert all(said.status is not TurnStatus.IN_PROGRESS for said in store.turns())
    assert all(said.completed_at for said in store.turns())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_pages_assembler_gives_the_same_turns() -> None:
    rng = random.Random(20261121)
    conversations = []
    for _ in range(150):
        streams = ConversationMaker(rng).conversation(rng.randint(1, 8)).streams
        conversations.append(repeated(merged(streams, rng), rng))
    page = subprocess.run(
        ["node", str(PAGE_ASSEMBLER)],
        input=json.dumps(conversations),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(page.stdout) == [turns_of(fed(events)) for events in conversations]


# Which turns `feed` returns


def test_a_turn_is_returned_with_its_first_word_and_whenever_it_grows() -> None:
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    assembler = _fed(call)
    assert assembler.turns() == []
    since = len(call.lines)
    call.says("resp_1", "item_A1", ["Yes, ", "of course."])
    news = [apply(assembler, event, STARTED_AT) for event in upstream_events(call, since)]
    assert [[said.text for said in each] for each in news] == [
        ["Yes, "],
        [],
        ["Yes, of course."],
        [],
    ]


def test_an_inserted_turn_moves_the_turns_behind_it() -> None:
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    call.answer("resp_1", "item_A1", "item_U1", ["Yes."])
    assembler = _fed(call)
    since = len(call.lines)
    call.transcribed("item_U1", "Really?")
    (news,) = [apply(assembler, event, STARTED_AT) for event in upstream_events(call, since)]
    assert [(said.text, said.position) for said in news] == [("Really?", 0), ("Yes.", 1)]


def test_repeated_events_return_nothing() -> None:
    call = TapeWriter()
    call.user_types("typed-1", None, "Hello.")
    assembler = _fed(call)
    assert [apply(assembler, event, STARTED_AT) for event in upstream_events(call)] == [[], [], []]


def test_audio_after_a_truncation_changes_the_turn_at_the_next_event() -> None:
    call = TapeWriter()
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", None)
    call.part_begins("resp_1", "item_A1")
    call.says("resp_1", "item_A1", ["One ", "two "])
    call.truncates("item_A1", 4)
    assembler = _fed(call)
    assert assembler.turns()[0].heard_text == "One two "
    assembler.add_audio("item_A1", 0, 8)
    (heard,) = assembler.feed({"type": "rate_limits.updated"}, STARTED_AT)
    assert heard.heard_text == "One"


def test_times_are_those_of_the_events() -> None:
    at = [STARTED_AT + timedelta(seconds=second) for second in range(9)]
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    call.transcribed("item_U1", "Hi.")
    call.answer("resp_1", "item_A1", "item_U1", ["Ho."])
    seconds = {
        "input_audio_buffer.speech_started": 1,
        "input_audio_buffer.speech_stopped": 2,
        "input_audio_buffer.committed": 3,
        "response.content_part.added": 5,
        "response.output_item.done": 7,
        "response.done": 8,
    }
    assembler, now = TranscriptAssembler(), 0
    for event in upstream_events(call):
        now = seconds.get(event["type"], now)
        apply(assembler, event, at[now])
    user, answer = assembler.turns()
    assert (user.started_at, user.completed_at) == (at[1], at[2])
    assert (answer.started_at, answer.completed_at) == (at[5], at[7])


def test_repeated_events_do_not_change_times() -> None:
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    without_words = upstream_events(call)
    call.transcribed("item_U1", "Hi.")
    assembler = TranscriptAssembler()
    for second, events in enumerate(
        [without_words, without_words, upstream_events(call), upstream_events(call)]
    ):
        for event in events:
            apply(assembler, event, STARTED_AT + timedelta(seconds=second))
    (said,) = assembler.turns()
    assert (said.started_at, said.completed_at) == (STARTED_AT, STARTED_AT)


def test_the_end_of_a_response_ends_items_that_it_does_not_list() -> None:
    call = TapeWriter()
    call.response_begins("resp_1")
    call.says("resp_1", "item_A1", ["I was ", "saying"])
    assembler = _fed(call)
    since = len(call.lines)
    call.response_ends("resp_1", [], "cancelled")
    ((said,),) = [apply(assembler, event, STARTED_AT) for event in upstream_events(call, since)]
    assert said.status is TurnStatus.INTERRUPTED


def test_a_turn_in_progress_has_no_end_time() -> None:
    call = TapeWriter()
    call.response_begins("resp_1")
    call.says("resp_1", "item_A1", ["I ", "am"])
    (said,) = _fed(call).turns()
    assert (said.status, said.completed_at) == (TurnStatus.IN_PROGRESS, None)


# Audio


def test_audio_without_event_ids_counts() -> None:
    events = _upstream_events("interruption_with_truncation")
    assembler = TranscriptAssembler()
    for event in events:
        if event["type"] == "response.output_audio.delta":
            assembler.add_audio(event["item_id"], event["content_index"], 2)
        else:
            apply(assembler, event, STARTED_AT)
    assert turns_of(assembler) == expected_turns("interruption_with_truncation")


def test_audio_alone_makes_no_turn_but_an_answers_part() -> None:
    assembler = TranscriptAssembler()
    assembler.add_audio("item_A1", 0, 20)
    assert assembler.feed({"type": "rate_limits.updated"}, STARTED_AT) == []
    assembler.feed(
        {
            "type": "response.output_audio_transcript.delta",
            "item_id": "item_A1",
            "content_index": 0,
            "delta": "Yes",
        },
        STARTED_AT,
    )
    (said,) = assembler.turns()
    assert (said.role, said.modality, said.started_at) == (
        Role.ASSISTANT,
        Modality.VOICE,
        STARTED_AT,
    )


def test_a_repeated_audio_delta_counts_once_wherever_it_is_repeated() -> None:
    assembler = TranscriptAssembler()
    counted = [assembler.add_audio("item_A1", 0, 20, event_id) for event_id in "abab"]
    assert counted == [True, True, False, False]
    assert assembler.add_audio("item_A1", 0, 20)
    assert assembler.add_audio("item_A1", 0, 20)


def test_audio_of_a_replayed_item_does_not_count() -> None:
    assembler = TranscriptAssembler(["item_P1"])
    assembler.add_audio("item_P1", 0, 20)
    assert assembler.finish(STARTED_AT) == []


def test_audio_of_one_part_does_not_count_for_another() -> None:
    call = TapeWriter()
    call.says("resp_1", "item_A1", ["One ", "two."])
    call.says("resp_1", "item_A1", ["Three ", "four."], 1)
    call.truncates("item_A1", 2, 1)
    first, second = _fed(call).turns()
    assert (first.heard_text, second.heard_text) == (None, "Three")


def test_audio_after_the_end_of_the_audio_does_not_count() -> None:
    call = TapeWriter()
    call.says("resp_1", "item_A1", ["One ", "two."])
    call.part_ends("resp_1", "item_A1", "One two.")
    call.truncates("item_A1", 4)
    echo = {**upstream_events(call)[2], "event_id": "event_echo"}
    assert echo["type"] == "response.output_audio.delta"
    assembler = fed([*upstream_events(call), echo, echo, echo])
    assert assembler.turns()[0].heard_text == "One two."


# The end of a call


def test_finishing_interrupts_and_keeps_speech_without_a_transcript() -> None:
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    call.says("resp_1", "item_A1", ["I was ", "say"])
    call.speech_starts("item_U2")
    assembler = _fed(call)
    news = assembler.finish(STARTED_AT)
    assert [as_expected(said) for said in news] == [
        turn("item_U1", "user", "", "interrupted"),
        turn("item_A1", "assistant", "I was say", "interrupted"),
    ]
    assert assembler.finish(STARTED_AT) == []


def test_a_transcript_that_does_not_come_in_time_leaves_a_turn_without_a_text() -> None:
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    call.user_speaks("item_U2", "item_U1")
    assembler = _fed(call)
    assert assembler.turns() == []
    (said,) = assembler.give_up_transcript("item_U1", STARTED_AT)
    assert as_expected(said) == turn("item_U1", "user", "", "interrupted")
    assert assembler.give_up_transcript("item_U1", STARTED_AT) == []
    assert assembler.give_up_transcript("unknown", STARTED_AT) == []


@pytest.mark.parametrize("is_over", [False, True])
def test_late_words_replace_that_turn_and_late_silence_does_not(is_over: bool) -> None:
    done = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_U1",
        "content_index": 0,
    }
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    assembler = _fed(call)
    if is_over:
        assembler.finish(STARTED_AT)
    else:
        assembler.give_up_transcript("item_U1", STARTED_AT)
    assert assembler.feed({**done, "transcript": " "}, STARTED_AT) == []
    assert [as_expected(said) for said in assembler.turns()] == [
        turn("item_U1", "user", "", "interrupted")
    ]
    (said,) = assembler.feed({**done, "transcript": "Late."}, STARTED_AT)
    assert as_expected(said) == turn("item_U1", "user", "Late.", "completed")


def test_the_end_of_the_call_truncates_what_was_playing_unless_a_truncation_did() -> None:
    def answered() -> TranscriptAssembler:
        assembler = TranscriptAssembler()
        answer = {"item_id": "item_a", "response_id": "resp_1", "content_index": 0}
        streamed = {"type": "response.output_audio_transcript.delta", **answer}
        for word in ("One ", "two ", "three."):
            assembler.feed({**streamed, "event_id": word, "delta": word}, STARTED_AT)
            assembler.add_audio("item_a", 0, 1000)
        return assembler

    at_the_end = {("item_a", 0): 2000, ("item_b", 0): 10, ("item_a", 1): 10}
    (cut,) = answered().finish(STARTED_AT, at_the_end)
    assert (cut.heard_ms, cut.heard_text, cut.text) == (2000, "One two", "One two three.")
    truncated = answered()
    news = {"type": "conversation.item.truncated", "item_id": "item_a", "content_index": 0}
    truncated.feed({**news, "audio_end_ms": 2500}, STARTED_AT)
    truncated.finish(STARTED_AT, at_the_end)
    assert [turn.heard_ms for turn in truncated.turns()] == [2500]


def test_a_transcript_after_the_end_is_still_applied() -> None:
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    assembler = _fed(call)
    assembler.finish(STARTED_AT)
    since = len(call.lines)
    call.transcribed("item_U1", "Goodbye.")
    ((news,),) = [apply(assembler, event, STARTED_AT) for event in upstream_events(call, since)]
    assert (news.text, news.status) == ("Goodbye.", TurnStatus.COMPLETED)


# Laws that no tape covers


def test_a_commit_alone_places_speech() -> None:
    call = TapeWriter()
    call.event("input_audio_buffer.committed", item_id="item_U2", previous_item_id="item_U1")
    call.event("input_audio_buffer.committed", item_id="item_U1", previous_item_id=None)
    call.event("input_audio_buffer.committed", item_id="item_U3", previous_item_id="item_U1")
    for item_id in ("item_U2", "item_U1", "item_U3"):
        call.transcribed(item_id, item_id)
    assert _texts(_fed(call)) == ["item_U1", "item_U3", "item_U2"]


def test_an_items_own_event_outranks_its_commit() -> None:
    call = TapeWriter()
    call.user_types("typed-1", None, "One.")
    call.user_types("typed-2", "typed-1", "Two.")
    call.user_speaks("item_U1", "typed-2")
    call.event("input_audio_buffer.committed", item_id="item_U2", previous_item_id="typed-1")
    content = [{"type": "input_audio", "transcript": "Three."}]
    item = {"id": "item_U2", "type": "message", "role": "user", "content": content}
    call.event("conversation.item.added", item=item, previous_item_id="typed-2")
    assert _texts(_fed(call)) == ["One.", "Two.", "Three."]


def test_the_first_end_of_a_response_is_final() -> None:
    call = TapeWriter()
    call.says("resp_1", "item_A1", ["So."])
    call.response_ends("resp_1", [], "failed")
    call.response_ends("resp_1", [], "completed")
    assert _fed(call).turns()[0].status is TurnStatus.FAILED


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "function_call", "role": "assistant"},
        {"type": "mcp_call", "role": "user"},
        {"type": None, "role": "user"},
        {"type": "message", "role": "system"},
        {"type": "message", "role": "tool"},
    ],
)
def test_other_items_than_messages_make_no_turn_whatever_they_hold(kind: dict[str, Any]) -> None:
    call = TapeWriter()
    item = {"id": "item_1", "content": [{"type": "text", "text": "Words."}], **kind}
    call.item(item, None)
    call.writes("resp_1", "item_1", ["More ", "words."])
    assert _fed(call).turns() == []


def test_an_answer_truncated_at_its_end_was_heard_completely() -> None:
    call = TapeWriter()
    call.answer("resp_1", "item_A1", "item_U1", ["All ", "of ", "it."])
    call.truncates("item_A1", 6)
    (said,) = _fed(call).turns()
    assert (said.status, said.heard_text) == (TurnStatus.INTERRUPTED, "All of it.")


def test_a_transcript_without_deltas_is_cut_by_its_share_of_the_audio() -> None:
    assembler = TranscriptAssembler()
    assembler.add_audio("item_A1", 0, 1000)
    call = TapeWriter()
    call.part_ends("resp_1", "item_A1", "One two three four")
    call.truncates("item_A1", 500)
    for event in upstream_events(call):
        apply(assembler, event, STARTED_AT)
    assert assembler.turns()[0].heard_text == "One two"


def test_a_transcript_after_a_deletion_is_kept() -> None:
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    call.event("conversation.item.deleted", item_id="item_U1")
    call.transcribed("item_U1", "Too late.")
    assert _texts(_fed(call)) == ["Too late."]


def test_a_response_that_names_no_conversation_is_in_the_conversation() -> None:
    call = TapeWriter()
    call.response_begins("resp_1")
    events = upstream_events(call)
    del events[-1]["response"]["conversation_id"]
    since = len(call.lines)
    call.says("resp_1", "item_A1", ["Here."])
    assert _texts(fed([*events, *upstream_events(call, since)])) == ["Here."]


def test_an_item_of_the_conversation_makes_a_turn_though_its_response_is_out_of_band() -> None:
    call = TapeWriter()
    call.response_begins("resp_1", None)
    call.answer_begins("resp_1", "item_A1", None)
    call.says("resp_1", "item_A1", ["Here."])
    assert _texts(_fed(call)) == ["Here."]


def test_a_response_can_be_known_as_out_of_band_at_its_end_only() -> None:
    call = TapeWriter()
    call.response_ends("resp_1", [spoken("item_O1", "Aside.")], conversation=None)
    assert _texts(_fed(call)) == []


def test_created_and_retrieved_items_are_read_too() -> None:
    call = TapeWriter()
    call.event("conversation.item.created", item=spoken("item_A1", "One."), previous_item_id=None)
    call.event("conversation.item.retrieved", item=spoken("item_A2", "Two."))
    assert _texts(_fed(call)) == ["One.", "Two."]


def test_the_text_of_an_item_in_progress_is_not_taken_as_complete() -> None:
    call = TapeWriter()
    early = spoken("item_A1", "Wel", "in_progress")
    call.event("conversation.item.added", item=early, previous_item_id=None)
    call.says("resp_1", "item_A1", ["Well, ", "yes."])
    assert _texts(_fed(call)) == ["Well, yes."]


def test_the_users_transcript_may_come_with_the_item() -> None:
    call = TapeWriter()
    call.user_speaks("item_U1", None)
    content = [{"type": "input_audio", "transcript": "Hello."}]
    item = {"id": "item_U1", "type": "message", "role": "user", "content": content}
    call.event("conversation.item.retrieved", item=item)
    (said,) = _fed(call).turns()
    assert (said.text, said.status) == ("Hello.", TurnStatus.COMPLETED)


def test_an_unknown_response_status_is_an_end() -> None:
    call = TapeWriter()
    call.response_begins("resp_1")
    call.says("resp_1", "item_A1", ["So."])
    call.response_ends("resp_1", [], "abandoned")
    assert _fed(call).turns()[0].status is TurnStatus.COMPLETED


def test_text_is_cleaned_of_what_a_database_refuses() -> None:
    call = TapeWriter()
    call.transcribed("item_U1", "a\0b\ud83dc\U0001f600d\ud83d\ude00")
    assert _texts(_fed(call)) == ["abc😀d😀"]


def test_items_without_a_predecessor_are_in_order_of_arrival() -> None:
    call = TapeWriter()
    call.transcribed("item_U1", "One.")
    call.response_ends("resp_1", [spoken("item_A1", "Two.")])
    call.transcribed("item_U2", "Three.")
    assert _texts(_fed(call)) == ["One.", "Two.", "Three."]


def test_replayed_items_link_the_chain_and_make_no_turns() -> None:
    call = TapeWriter()
    call.user_speaks("item_U1", "item_P1")
    call.transcribed("item_U1", "Between.")
    call.user_types("typed-1", "item_P2", "Behind.")
    call.transcribed("item_P1", "Never.")
    assembler = _fed(call, ("item_P1", "item_P2"))
    assert _texts(assembler) == ["Between.", "Behind."]


@pytest.mark.parametrize("ms", [None, "5", [], float("nan"), float("inf"), 10**400, -(10**9)])
def test_a_truncation_without_a_valid_time_is_ignored(ms: Any) -> None:
    call = TapeWriter()
    call.says("resp_1", "item_A1", ["Yes."])
    call.event("conversation.item.truncated", item_id="item_A1", content_index=0, audio_end_ms=ms)
    assert _fed(call).turns()[0].heard_ms is None


def test_a_negative_truncation_is_one_at_zero() -> None:
    call = TapeWriter()
    call.says("resp_1", "item_A1", ["Yes."])
    call.truncates("item_A1", -7)
    (said,) = _fed(call).turns()
    assert (said.heard_ms, said.heard_text) == (0, "")


@pytest.mark.parametrize("index", [None, -1, "1", 1.5, True])
def test_a_missing_or_invalid_index_means_the_first_part(index: Any) -> None:
    event = {
        "type": "response.output_audio_transcript.done",
        "item_id": "item_A1",
        "content_index": index,
        "transcript": "Yes.",
    }
    assert [said.content_index for said in fed([event]).turns()] == [0]


_PLACE = {"item_id": "item_1", "response_id": "resp_1", "content_index": 0}


def _added(**item: Any) -> dict[str, Any]:
    return {
        "type": "response.output_item.added",
        "response_id": "resp_1",
        "item": {"id": "item_1", **item},
    }


def _feed_delta(assembler: TranscriptAssembler, text: str) -> None:
    event = {"type": "response.output_audio_transcript.delta", **_PLACE, "delta": text}
    assembler.add_delta(peek_from_upstream(json.dumps(event)), STARTED_AT)


def _ended(response_id: str = "resp_1", **fields: Any) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": response_id, **fields}}


def test_a_delta_gives_an_item_without_a_role_that_of_an_answer() -> None:
    assembler = TranscriptAssembler()
    assembler.feed(_added(content=[{"type": "output_audio"}]), STARTED_AT)
    _feed_delta(assembler, "Hello")
    (said,) = assembler.changed(STARTED_AT)
    assert said.role is Role.ASSISTANT


def test_an_answer_begins_with_its_first_word_where_audio_came_before() -> None:
    assembler = TranscriptAssembler()
    assembler.feed(_added(role="assistant", content=[]), STARTED_AT)
    assembler.add_audio("item_1", 0, 20.0)
    _feed_delta(assembler, "Hello")
    (said,) = assembler.changed(STARTED_AT)
    assert said.started_at == STARTED_AT


@pytest.mark.parametrize(
    "event",
    [
        _added(role="assistant", status="in_progress", content=[]),
        {"type": "response.content_part.added", **_PLACE, "part": {"type": "audio"}},
        {"type": "response.output_audio.done", **_PLACE},
    ],
)
def test_each_event_that_names_both_joins_an_item_to_its_response(event: dict[str, Any]) -> None:
    assembler = TranscriptAssembler()
    assembler.feed(event, STARTED_AT)
    words = {"type": "response.output_audio_transcript.done", "item_id": "item_1"}
    assembler.feed({**words, "transcript": "Hello"}, STARTED_AT)
    (said,) = assembler.feed(_ended(status="cancelled", output=[]), STARTED_AT)
    assert said.status is TurnStatus.INTERRUPTED


def test_an_item_stays_with_its_first_response() -> None:
    assembler = TranscriptAssembler()
    words = {"type": "response.output_audio_transcript.done", **_PLACE, "transcript": "Hello"}
    part = {"type": "response.content_part.added", **_PLACE, "part": {"type": "audio"}}
    assembler.feed(words, STARTED_AT)
    assembler.feed({**part, "response_id": "resp_2"}, STARTED_AT)
    assert assembler.feed(_ended("resp_2", status="failed"), STARTED_AT) == []
    (said,) = assembler.feed(_ended(status="cancelled"), STARTED_AT)
    assert said.status is TurnStatus.INTERRUPTED


def test_a_turn_that_turns_out_to_be_out_of_band_is_not_returned() -> None:
    assembler = TranscriptAssembler()
    words = {"type": "response.output_audio_transcript.done", **_PLACE, "transcript": "Hello"}
    assembler.feed(words, STARTED_AT)
    beside = _ended(conversation_id=None, status="failed")
    assert assembler.feed(beside, STARTED_AT) == []
    assert assembler.turns() == []


def test_parts_are_numbered_by_their_index_not_by_when_they_came() -> None:
    assembler = TranscriptAssembler()
    for index in (1, 0):
        words = {"type": "response.output_text.done", **_PLACE, "content_index": index}
        assembler.feed({**words, "text": "ab"[index]}, STARTED_AT)
    assert [said.content_index for said in assembler.turns()] == [0, 1]
    ended = assembler.finish(STARTED_AT)
    assert [(said.position, said.content_index) for said in ended] == [(0, 0), (1, 1)]


_SCRAPS = st.sampled_from(
    ["", "item_1", "item_2", "resp_1", "message", "user", "assistant", "system", "completed",
     "incomplete", "in_progress", "input_audio", "output_audio", "text", "Hello", "AAAA", " "]
)  # fmt: skip
_FIELDS = st.sampled_from(
    ["item_id", "id", "item", "response", "response_id", "previous_item_id", "content_index",
     "audio_end_ms", "delta", "transcript", "text", "part", "content", "output", "role", "type",
     "status", "event_id", "conversation_id"]
)  # fmt: skip
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | _SCRAPS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS, inner, max_size=4),
    max_leaves=10,
)


def _types() -> list[str]:
    return sorted({event["type"] for name in NAMES for event in _upstream_events(name)})


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.lists(
        st.builds(
            lambda kind, fields: {**fields, "type": kind},
            st.sampled_from(_types()) | st.none() | st.just(["x"]),
            st.dictionaries(_FIELDS, _ANY, max_size=6),
        ),
        max_size=8,
    )
)
def test_no_malformed_event_raises_or_breaks_the_positions(events: list[Mapping[str, Any]]) -> None:
    assembler = TranscriptAssembler()
    for event in events:
        for said in assembler.feed(event, STARTED_AT):
            said.text.encode()
    assembler.finish(STARTED_AT)
    turns = assembler.turns()
    assert [said.position for said in turns] == list(range(len(turns)))
