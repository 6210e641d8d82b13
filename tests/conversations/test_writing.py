"""Writing what calls said: once, by its owner, in order, and whatever a provider puts into it."""

from dataclasses import replace

import pytest
from django.contrib.auth.models import User

from backend.conversations.lifecycle import OpenedCall
from backend.conversations.models import Call, Session, Turn, Usage
from backend.conversations.writing import (
    EndingWrite,
    TurnWrite,
    UsageWrite,
    Write,
    shortened,
    write,
)
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from tests.conversations.equipment import NOON, new_call, new_session, turn

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


@pytest.fixture
def call(session: Session) -> OpenedCall:
    return new_call(session)


def test_it_writes_all_that_a_turn_says(call: OpenedCall) -> None:
    said = turn(role=Role.ASSISTANT, heard_text="Hello", heard_ms=400, position=3)
    assert write([TurnWrite(call, replace(said, status=TurnStatus.INTERRUPTED))]) == []
    kept = Turn.objects.get()
    assert (kept.session_id, kept.call_id) == (call.session_id, call.call_id)
    assert (kept.item_id, kept.content_index, kept.position) == ("item_1", 0, 3)
    assert (kept.role, kept.modality, kept.status) == ("assistant", "voice", "interrupted")
    assert (kept.text, kept.heard_text, kept.heard_ms) == ("Hello there.", "Hello", 400)
    assert (kept.started_at, kept.completed_at) == (NOON, NOON)


def test_writing_twice_is_harmless(call: OpenedCall) -> None:
    pieces: list[Write] = [
        TurnWrite(call, turn()),
        UsageWrite(call, usage.Usage("resp_1", "response", audio_out=10)),
        EndingWrite(call, Ending.CLIENT_LEFT),
    ]
    write(pieces)
    write(pieces)
    assert (Turn.objects.count(), Usage.objects.count()) == (1, 1)
    assert Call.objects.get().ending == Ending.CLIENT_LEFT


def test_a_later_version_replaces_an_earlier_one(call: OpenedCall) -> None:
    write([TurnWrite(call, turn(text="Hel", status=TurnStatus.IN_PROGRESS))])
    write([TurnWrite(call, turn(text="Hello there.", position=5))])
    kept = Turn.objects.get()
    assert (kept.text, kept.status, kept.position) == ("Hello there.", "completed", 5)


def test_a_final_status_never_goes_back_to_in_progress(call: OpenedCall) -> None:
    write([TurnWrite(call, turn(status=TurnStatus.INTERRUPTED))])
    write([TurnWrite(call, turn(text="Hello there, friend.", status=TurnStatus.IN_PROGRESS))])
    kept = Turn.objects.get()
    assert (kept.status, kept.text) == ("interrupted", "Hello there, friend.")


def test_parts_of_one_item_are_rows_of_their_own(call: OpenedCall) -> None:
    write([TurnWrite(call, turn()), TurnWrite(call, turn(content_index=1, position=1))])
    assert [kept.content_index for kept in Turn.objects.all()] == [0, 1]


def test_an_item_of_another_call_is_kept_beside_it(session: Session, call: OpenedCall) -> None:
    write([TurnWrite(call, turn(text="What was said."))])
    later = new_call(session)
    reused = TurnWrite(later, turn(text="TurnWrite under the same id."))
    honest = TurnWrite(later, turn("item_2", "And more.", position=1))
    assert write([reused, honest]) == [reused]
    assert write([TurnWrite(later, turn(text="TurnWrite under the same id, in full."))]) != []
    kept = list(Turn.objects.all())
    assert [turn.text for turn in kept] == [
        "What was said.",
        "TurnWrite under the same id, in full.",
        "And more.",
    ]
    assert [turn.call_id for turn in kept] == [call.call_id, later.call_id, later.call_id]
    assert kept[1].item_id == f"{later.call_id.hex[:8]}.{kept[0].item_id}"


def test_two_calls_that_write_one_item_at_once_both_keep_their_words(
    session: Session, call: OpenedCall
) -> None:
    later = new_call(session)
    pieces = [
        TurnWrite(call, turn(text="The answer.", role=Role.ASSISTANT)),
        TurnWrite(later, turn(text="A question.")),
    ]
    assert write(pieces) == pieces[1:]
    assert [(kept.role, kept.text) for kept in Turn.objects.all()] == [
        ("assistant", "The answer."),
        ("user", "A question."),
    ]


def test_the_same_item_id_in_two_sessions_is_two_turns(call: OpenedCall, stranger: User) -> None:
    other = new_call(new_session(stranger))
    assert (
        write([TurnWrite(call, turn(text="Mine.")), TurnWrite(other, turn(text="Theirs."))]) == []
    )
    assert {kept.text: kept.session_id for kept in Turn.objects.all()} == {
        "Mine.": call.session_id,
        "Theirs.": other.session_id,
    }


def test_a_late_turn_of_an_earlier_call_stays_in_front(session: Session, call: OpenedCall) -> None:
    later = new_call(session)
    write([TurnWrite(later, turn("item_2", "Second."))])
    write([TurnWrite(call, turn("item_1", "First.", position=99))])
    assert [kept.text for kept in session.turns.all()] == ["First.", "Second."]


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "a\udc00b"])
def test_what_no_database_can_hold_is_replaced(call: OpenedCall, text: str) -> None:
    write([TurnWrite(call, turn(text=text, heard_text=text, heard_ms=1))])
    kept = Turn.objects.get()
    assert (kept.text, kept.heard_text) == ("a\ufffdb", "a\ufffdb")


def test_nothing_heard_is_not_the_same_as_nothing_known(call: OpenedCall) -> None:
    write(
        [
            TurnWrite(call, turn(heard_text="", heard_ms=0)),
            TurnWrite(call, turn("item_2", position=1)),
        ]
    )
    assert [kept.heard_text for kept in Turn.objects.all()] == ["", None]


def test_what_a_deleted_session_said_is_dropped_quietly(call: OpenedCall, stranger: User) -> None:
    other = new_call(new_session(stranger))
    Session.objects.filter(pk=call.session_id).delete()
    pieces: list[Write] = [
        TurnWrite(call, turn()),
        EndingWrite(call, Ending.CLIENT_LEFT),
        TurnWrite(other, turn()),
    ]
    assert write([*pieces, UsageWrite(call, usage.Usage("resp_1", "response"))]) == []
    assert [kept.session_id for kept in Turn.objects.all()] == [other.session_id]


def test_all_or_nothing(call: OpenedCall) -> None:
    with pytest.raises(TypeError):
        write([TurnWrite(call, turn()), TurnWrite(call, turn("item_2", position="first"))])  # type: ignore[arg-type]
    assert not Turn.objects.exists()


@pytest.mark.parametrize("role", [Role.USER, Role.ASSISTANT])
def test_the_first_voice_turn_of_either_side_makes_it_a_voice_session(
    session: Session, call: OpenedCall, role: Role
) -> None:
    write([TurnWrite(call, turn(modality=Modality.TEXT))])
    session.refresh_from_db()
    assert not session.realtime_mode
    write([TurnWrite(call, turn("item_2", role=role, position=1))])
    session.refresh_from_db()
    assert session.realtime_mode


def test_a_voice_session_stays_one(session: Session, call: OpenedCall) -> None:
    write([TurnWrite(call, turn())])
    write([TurnWrite(call, turn("item_2", modality=Modality.TEXT, position=1))])
    session.refresh_from_db()
    assert session.realtime_mode


def test_what_is_said_moves_the_session_to_the_top(session: Session, call: OpenedCall) -> None:
    Session.objects.update(updated_at=NOON)
    write([TurnWrite(call, turn())])
    session.refresh_from_db()
    assert session.updated_at > NOON


def test_a_nameless_session_is_named_by_the_first_words_of_the_person(
    session: Session, call: OpenedCall
) -> None:
    pieces = [
        TurnWrite(call, turn("item_3", "And cheese?", position=2)),
        TurnWrite(call, turn("item_2", "Yes.", role=Role.ASSISTANT, position=0)),
        TurnWrite(call, turn("item_1", "Do you\nhave bread?", position=1)),
    ]
    write(pieces)
    session.refresh_from_db()
    assert session.title == "Do you have bread?"


@pytest.mark.parametrize(
    "said",
    [turn(role=Role.ASSISTANT), turn(text="  "), turn(text="Do y", status=TurnStatus.IN_PROGRESS)],
    ids=["the assistant's", "silent", "half"],
)
def test_other_words_name_nothing(session: Session, call: OpenedCall, said: object) -> None:
    write([TurnWrite(call, said)])  # type: ignore[arg-type]
    session.refresh_from_db()
    assert session.title == ""


def test_a_name_that_was_given_stays(session: Session, call: OpenedCall) -> None:
    Session.objects.update(title="Baker")
    write([TurnWrite(call, turn())])
    session.refresh_from_db()
    assert session.title == "Baker"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Short.", "Short."),
        ("  two   lines \n here ", "two lines here"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 40 + "…"),
        ("お" * 60, "お" * 40 + "…"),
        (
            "I would like to know whether this bread has nuts in it",
            "I would like to know whether this bread…",
        ),
    ],
)
def test_titles_are_short_and_end_at_a_word(text: str, title: str) -> None:
    assert shortened(text) == title


def test_usage_is_counted_once_with_the_model_that_was_used(call: OpenedCall) -> None:
    spent = usage.Usage("resp_1", "response", text_in=3, audio_in=4, audio_in_cached=2, audio_out=5)
    write(
        [
            UsageWrite(call, spent),
            UsageWrite(call, usage.Usage("item_1", "transcription", seconds=1.5)),
        ]
    )
    write([UsageWrite(call, spent)])
    response, transcription = Usage.objects.all()
    assert (response.model, response.text_in, response.audio_in) == ("gpt-realtime", 3, 4)
    assert (response.audio_in_cached, response.audio_out) == (2, 5)
    assert (transcription.model, transcription.seconds) == ("gpt-transcribe", 1.5)
    assert transcription.call_id == call.call_id


def test_a_few_statements_write_many_turns(
    call: OpenedCall, django_assert_max_num_queries: object
) -> None:
    pieces = [TurnWrite(call, turn(f"item_{number}", position=number)) for number in range(100)]
    write(pieces)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        write(pieces)
