"""The assembler against tapes, against every order of telling, and against each of its laws."""

import json
import random
import shutil
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from backend.protocol.transcript.assembler import TranscriptAssembler
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from tests.protocol.interleavings import (
    Author,
    Ledger,
    apply,
    ending,
    fed,
    merged,
    reordered,
    repeated,
    told,
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
from tests.tapes.scribe import Scribe, files, spoken, turn

TWIN = Path(__file__).resolve().parent / "page_transcript.mjs"


def _from_provider(name: str) -> list[dict[str, Any]]:
    return [dict(line.event) for line in tape(name) if line.side == "upstream"]


def _past_ids(name: str) -> list[str]:
    return [past["item_id"] for past in past_turns(name)]


def _fed(call: Scribe, past: tuple[str, ...] = ()) -> TranscriptAssembler:
    return fed(told(call), past)


def _texts(assembler: TranscriptAssembler) -> list[str]:
    return [spoken_turn.text for spoken_turn in assembler.turns()]


# Tapes


def test_there_are_tapes() -> None:
    assert len(NAMES) >= 12


def test_the_tapes_are_as_the_scribe_writes_them() -> None:
    found = {
        path.name: path.read_text(encoding="utf-8")
        for path in FOLDER.iterdir()
        if path.suffix in (".json", ".jsonl")
    }
    assert found == files()


@pytest.mark.parametrize("name", NAMES)
def test_a_tape_ends_in_its_turns(name: str) -> None:
    assembler = TranscriptAssembler(_past_ids(name))
    for line in tape(name):
        if line.side == "upstream":
            apply(assembler, dict(line.event), line.at)
    assert ending(assembler) == expected_turns(name)


@pytest.mark.parametrize("name", NAMES)
def test_hanging_up_at_the_end_of_a_tape_changes_nothing(name: str) -> None:
    assembler = fed(_from_provider(name), _past_ids(name))
    assembler.finish(STARTED_AT)
    assert ending(assembler) == expected_turns(name)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(chance=st.randoms(use_true_random=False))
def test_a_tape_told_in_another_order_ends_in_the_same_turns(
    name: str, chance: random.Random
) -> None:
    events = reordered(_from_provider(name), chance)
    assert ending(fed(events, _past_ids(name))) == expected_turns(name)


_STRANGE = {"duplicates_and_unknown_types"}
_SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in _STRANGE])
def test_every_event_of_a_tape_is_one_of_the_official_sdk(name: str) -> None:
    for event in _from_provider(name):
        _SERVER_EVENT.validate_python(event)


# Interleavings


@settings(max_examples=200)
@given(chance=st.randoms(use_true_random=False), utterances=st.integers(0, 8))
def test_a_conversation_ends_in_its_turns_however_it_is_told(
    chance: random.Random, utterances: int
) -> None:
    conversation = Author(chance).conversation(utterances)
    events = repeated(merged(conversation.streams, chance), chance)
    assert ending(fed(events)) == conversation.turns


@settings(max_examples=60)
@given(chance=st.randoms(use_true_random=False), utterances=st.integers(1, 5))
def test_who_keeps_what_is_told_has_at_every_moment_what_is_said(
    chance: random.Random, utterances: int
) -> None:
    conversation = Author(chance).conversation(utterances)
    assembler, ledger = TranscriptAssembler(), Ledger()
    for number, event in enumerate(repeated(merged(conversation.streams, chance), chance)):
        news = apply(assembler, event, STARTED_AT + timedelta(milliseconds=number))
        ledger.keep(news)
        turns = assembler.turns()
        assert ledger.turns() == turns
        assert [said.position for said in turns] == list(range(len(turns)))
        assert [said.position for said in news] == sorted(said.position for said in news)
        assert assembler.feed({"type": "rate_limits.updated"}, STARTED_AT) == []


@settings(max_examples=60)
@given(chance=st.randoms(use_true_random=False), utterances=st.integers(1, 5))
def test_a_final_status_never_goes_back_to_in_progress(
    chance: random.Random, utterances: int
) -> None:
    conversation = Author(chance).conversation(utterances)
    assembler, final = TranscriptAssembler(), set[tuple[str, int]]()
    for event in repeated(merged(conversation.streams, chance), chance):
        for version in apply(assembler, event, STARTED_AT):
            key = version.item_id, version.content_index
            if version.status is not TurnStatus.IN_PROGRESS:
                final.add(key)
            assert key not in final or version.status is not TurnStatus.IN_PROGRESS


@settings(max_examples=60)
@given(chance=st.randoms(use_true_random=False), utterances=st.integers(1, 5), data=st.data())
def test_a_call_may_end_anywhere_and_leaves_nothing_in_progress(
    chance: random.Random, utterances: int, data: st.DataObject
) -> None:
    conversation = Author(chance).conversation(utterances)
    events = merged(conversation.streams, chance)
    end = data.draw(st.integers(0, len(events)))
    assembler, ledger = TranscriptAssembler(), Ledger()
    for event in events[:end]:
        ledger.keep(apply(assembler, event, STARTED_AT))
    ledger.keep(assembler.finish(STARTED_AT))
    assert ledger.turns() == assembler.turns()
    assert all(said.status is not TurnStatus.IN_PROGRESS for said in ledger.turns())
    assert all(said.completed_at for said in ledger.turns())


@pytest.mark.skipif(shutil.which("node") is None, reason="node compares the page's assembler")
def test_the_page_ends_in_the_same_turns() -> None:
    chance = random.Random(20261121)
    conversations = []
    for _ in range(150):
        streams = Author(chance).conversation(chance.randint(1, 8)).streams
        conversations.append(repeated(merged(streams, chance), chance))
    page = subprocess.run(
        ["node", str(TWIN)],
        input=json.dumps(conversations),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(page.stdout) == [ending(fed(events)) for events in conversations]


# What is told, and when


def test_a_turn_is_told_with_its_first_word_and_each_time_it_grows() -> None:
    call = Scribe()
    call.user_speaks("item_U1", None)
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    assembler = _fed(call)
    assert assembler.turns() == []
    since = len(call.lines)
    call.says("resp_1", "item_A1", ["Yes, ", "of course."])
    news = [apply(assembler, event, STARTED_AT) for event in told(call, since)]
    assert [[said.text for said in each] for each in news] == [
        ["Yes, "],
        [],
        ["Yes, of course."],
        [],
    ]


def test_a_turn_that_comes_in_between_moves_those_behind_it() -> None:
    call = Scribe()
    call.user_speaks("item_U1", None)
    call.answer("resp_1", "item_A1", "item_U1", ["Yes."])
    assembler = _fed(call)
    since = len(call.lines)
    call.transcribed("item_U1", "Really?")
    (news,) = [apply(assembler, event, STARTED_AT) for event in told(call, since)]
    assert [(said.text, said.position) for said in news] == [("Really?", 0), ("Yes.", 1)]


def test_what_is_said_twice_is_told_once() -> None:
    call = Scribe()
    call.user_types("typed-1", None, "Hello.")
    assembler = _fed(call)
    assert [apply(assembler, event, STARTED_AT) for event in told(call)] == [[], [], []]


def test_audio_that_comes_after_a_truncation_is_told_with_the_next_event() -> None:
    call = Scribe()
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
    call = Scribe()
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
    for event in told(call):
        now = seconds.get(event["type"], now)
        apply(assembler, event, at[now])
    user, answer = assembler.turns()
    assert (user.started_at, user.completed_at) == (at[1], at[2])
    assert (answer.started_at, answer.completed_at) == (at[5], at[7])


def test_what_is_told_twice_happened_when_it_was_told_first() -> None:
    call = Scribe()
    call.user_speaks("item_U1", None)
    without_words = told(call)
    call.transcribed("item_U1", "Hi.")
    assembler = TranscriptAssembler()
    for second, events in enumerate([without_words, without_words, told(call), told(call)]):
        for event in events:
            apply(assembler, event, STARTED_AT + timedelta(seconds=second))
    (said,) = assembler.turns()
    assert (said.started_at, said.completed_at) == (STARTED_AT, STARTED_AT)


def test_the_end_of_a_response_is_told_of_items_that_it_does_not_name() -> None:
    call = Scribe()
    call.response_begins("resp_1")
    call.says("resp_1", "item_A1", ["I was ", "saying"])
    assembler = _fed(call)
    since = len(call.lines)
    call.response_ends("resp_1", [], "cancelled")
    ((said,),) = [apply(assembler, event, STARTED_AT) for event in told(call, since)]
    assert said.status is TurnStatus.INTERRUPTED


def test_a_turn_in_progress_has_not_ended() -> None:
    call = Scribe()
    call.response_begins("resp_1")
    call.says("resp_1", "item_A1", ["I ", "am"])
    (said,) = _fed(call).turns()
    assert (said.status, said.completed_at) == (TurnStatus.IN_PROGRESS, None)


# The cheap path of audio


def test_audio_that_is_only_heard_counts_like_audio_that_is_fed() -> None:
    events = _from_provider("interruption_with_truncation")
    assembler = TranscriptAssembler()
    for event in events:
        if event["type"] == "response.output_audio.delta":
            assembler.add_audio(event["item_id"], event["content_index"], 2)
        else:
            apply(assembler, event, STARTED_AT)
    assert ending(assembler) == expected_turns("interruption_with_truncation")


def test_audio_alone_makes_no_turn_and_marks_an_answer() -> None:
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


def test_audio_of_the_past_is_nobodys() -> None:
    assembler = TranscriptAssembler(["item_P1"])
    assembler.add_audio("item_P1", 0, 20)
    assert assembler.finish(STARTED_AT) == []


def test_audio_of_one_part_does_not_count_for_another() -> None:
    call = Scribe()
    call.says("resp_1", "item_A1", ["One ", "two."])
    call.says("resp_1", "item_A1", ["Three ", "four."], 1)
    call.truncates("item_A1", 2, 1)
    first, second = _fed(call).turns()
    assert (first.heard_text, second.heard_text) == (None, "Three")


def test_audio_after_the_end_of_the_audio_is_an_echo() -> None:
    call = Scribe()
    call.says("resp_1", "item_A1", ["One ", "two."])
    call.part_ends("resp_1", "item_A1", "One two.")
    call.truncates("item_A1", 4)
    echo = {**told(call)[2], "event_id": "event_echo"}
    assert echo["type"] == "response.output_audio.delta"
    assembler = fed([*told(call), echo, echo, echo])
    assert assembler.turns()[0].heard_text == "One two."


# The end of a call


def test_hanging_up_interrupts_and_keeps_what_was_said_and_lost() -> None:
    call = Scribe()
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


def test_the_end_of_the_call_cuts_off_what_was_playing_unless_a_truncation_did() -> None:
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


def test_words_that_come_after_hanging_up_are_still_taken() -> None:
    call = Scribe()
    call.user_speaks("item_U1", None)
    assembler = _fed(call)
    assembler.finish(STARTED_AT)
    since = len(call.lines)
    call.transcribed("item_U1", "Goodbye.")
    ((news,),) = [apply(assembler, event, STARTED_AT) for event in told(call, since)]
    assert (news.text, news.status) == ("Goodbye.", TurnStatus.COMPLETED)


# Laws that no tape shows


def test_a_commit_alone_gives_speech_its_place() -> None:
    call = Scribe()
    call.event("input_audio_buffer.committed", item_id="item_U2", previous_item_id="item_U1")
    call.event("input_audio_buffer.committed", item_id="item_U1", previous_item_id=None)
    call.event("input_audio_buffer.committed", item_id="item_U3", previous_item_id="item_U1")
    for item_id in ("item_U2", "item_U1", "item_U3"):
        call.transcribed(item_id, item_id)
    assert _texts(_fed(call)) == ["item_U1", "item_U3", "item_U2"]


def test_an_item_knows_better_than_its_commit_where_it_stands() -> None:
    call = Scribe()
    call.user_types("typed-1", None, "One.")
    call.user_types("typed-2", "typed-1", "Two.")
    call.user_speaks("item_U1", "typed-2")
    call.event("input_audio_buffer.committed", item_id="item_U2", previous_item_id="typed-1")
    content = [{"type": "input_audio", "transcript": "Three."}]
    item = {"id": "item_U2", "type": "message", "role": "user", "content": content}
    call.event("conversation.item.added", item=item, previous_item_id="typed-2")
    assert _texts(_fed(call)) == ["One.", "Two.", "Three."]


def test_the_first_end_of_a_response_is_its_end() -> None:
    call = Scribe()
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
def test_what_is_no_utterance_makes_no_turn_whatever_it_holds(kind: dict[str, Any]) -> None:
    call = Scribe()
    item = {"id": "item_1", "content": [{"type": "text", "text": "Words."}], **kind}
    call.item(item, None)
    call.writes("resp_1", "item_1", ["More ", "words."])
    assert _fed(call).turns() == []


def test_an_answer_that_was_heard_to_its_end_before_it_was_truncated_was_all_heard() -> None:
    call = Scribe()
    call.answer("resp_1", "item_A1", "item_U1", ["All ", "of ", "it."])
    call.truncates("item_A1", 6)
    (said,) = _fed(call).turns()
    assert (said.status, said.heard_text) == (TurnStatus.INTERRUPTED, "All of it.")


def test_a_transcript_told_only_whole_is_cut_by_its_share_of_the_sound() -> None:
    assembler = TranscriptAssembler()
    assembler.add_audio("item_A1", 0, 1000)
    call = Scribe()
    call.part_ends("resp_1", "item_A1", "One two three four")
    call.truncates("item_A1", 500)
    for event in told(call):
        apply(assembler, event, STARTED_AT)
    assert assembler.turns()[0].heard_text == "One two"


def test_what_is_deleted_before_its_words_come_keeps_its_words() -> None:
    call = Scribe()
    call.user_speaks("item_U1", None)
    call.event("conversation.item.deleted", item_id="item_U1")
    call.transcribed("item_U1", "Too late.")
    assert _texts(_fed(call)) == ["Too late."]


def test_a_response_that_names_no_conversation_is_in_the_conversation() -> None:
    call = Scribe()
    call.response_begins("resp_1")
    events = told(call)
    del events[-1]["response"]["conversation_id"]
    since = len(call.lines)
    call.says("resp_1", "item_A1", ["Here."])
    assert _texts(fed([*events, *told(call, since)])) == ["Here."]


def test_an_item_of_the_conversation_speaks_whatever_its_response_says() -> None:
    call = Scribe()
    call.response_begins("resp_1", None)
    call.answer_begins("resp_1", "item_A1", None)
    call.says("resp_1", "item_A1", ["Here."])
    assert _texts(_fed(call)) == ["Here."]


def test_a_response_that_tells_only_at_its_end_that_it_is_elsewhere_is() -> None:
    call = Scribe()
    call.response_ends("resp_1", [spoken("item_O1", "Aside.")], conversation=None)
    assert _texts(_fed(call)) == []


def test_an_old_name_and_a_retrieved_item_tell_of_items_too() -> None:
    call = Scribe()
    call.event("conversation.item.created", item=spoken("item_A1", "One."), previous_item_id=None)
    call.event("conversation.item.retrieved", item=spoken("item_A2", "Two."))
    assert _texts(_fed(call)) == ["One.", "Two."]


def test_an_item_in_progress_is_not_taken_at_its_word() -> None:
    call = Scribe()
    early = spoken("item_A1", "Wel", "in_progress")
    call.event("conversation.item.added", item=early, previous_item_id=None)
    call.says("resp_1", "item_A1", ["Well, ", "yes."])
    assert _texts(_fed(call)) == ["Well, yes."]


def test_the_users_transcript_may_come_with_the_item() -> None:
    call = Scribe()
    call.user_speaks("item_U1", None)
    content = [{"type": "input_audio", "transcript": "Hello."}]
    item = {"id": "item_U1", "type": "message", "role": "user", "content": content}
    call.event("conversation.item.retrieved", item=item)
    (said,) = _fed(call).turns()
    assert (said.text, said.status) == ("Hello.", TurnStatus.COMPLETED)


def test_an_end_by_a_name_that_nobody_knows_is_an_end() -> None:
    call = Scribe()
    call.response_begins("resp_1")
    call.says("resp_1", "item_A1", ["So."])
    call.response_ends("resp_1", [], "abandoned")
    assert _fed(call).turns()[0].status is TurnStatus.COMPLETED


def test_words_are_cleaned_of_what_a_database_refuses() -> None:
    call = Scribe()
    call.transcribed("item_U1", "a\0b\ud83dc\U0001f600d\ud83d\ude00")
    assert _texts(_fed(call)) == ["ab\ufffdc😀d😀"]


def test_items_without_any_predecessor_stand_as_they_come() -> None:
    call = Scribe()
    call.transcribed("item_U1", "One.")
    call.response_ends("resp_1", [spoken("item_A1", "Two.")])
    call.transcribed("item_U2", "Three.")
    assert _texts(_fed(call)) == ["One.", "Two.", "Three."]


def test_replayed_items_anchor_the_chain_and_stay_silent() -> None:
    call = Scribe()
    call.user_speaks("item_U1", "item_P1")
    call.transcribed("item_U1", "Between.")
    call.user_types("typed-1", "item_P2", "Behind.")
    call.transcribed("item_P1", "Never.")
    assembler = _fed(call, ("item_P1", "item_P2"))
    assert _texts(assembler) == ["Between.", "Behind."]


@pytest.mark.parametrize("ms", [None, "5", [], float("nan"), float("inf"), 10**400, -(10**9)])
def test_a_truncation_without_a_time_truncates_nothing(ms: Any) -> None:
    call = Scribe()
    call.says("resp_1", "item_A1", ["Yes."])
    call.event("conversation.item.truncated", item_id="item_A1", content_index=0, audio_end_ms=ms)
    assert _fed(call).turns()[0].heard_ms is None


def test_a_truncation_before_the_beginning_is_one_at_the_beginning() -> None:
    call = Scribe()
    call.says("resp_1", "item_A1", ["Yes."])
    call.truncates("item_A1", -7)
    (said,) = _fed(call).turns()
    assert (said.heard_ms, said.heard_text) == (0, "")


@pytest.mark.parametrize("index", [None, -1, "1", 1.5, True])
def test_a_missing_or_odd_index_means_the_first_part(index: Any) -> None:
    event = {
        "type": "response.output_audio_transcript.done",
        "item_id": "item_A1",
        "content_index": index,
        "transcript": "Yes.",
    }
    assert [said.content_index for said in fed([event]).turns()] == [0]


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
    return sorted({event["type"] for name in NAMES for event in _from_provider(name)})


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
def test_no_event_however_odd_breaks_the_transcript(events: list[Mapping[str, Any]]) -> None:
    assembler = TranscriptAssembler()
    for event in events:
        for said in assembler.feed(event, STARTED_AT):
            said.text.encode()
    assembler.finish(STARTED_AT)
    turns = assembler.turns()
    assert [said.position for said in turns] == list(range(len(turns)))
