"""Writing turns, usages and endings: idempotent, by owner, in order, with any text."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from backend import catalogue
from backend.conversations.ledger import UsageWrite
from backend.conversations.lifecycle import OpenedCall, open_exchange
from backend.conversations.models import Call, Session, Turn, Usage
from backend.conversations.writing import TurnWrite, Write, merged, shortened, write
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.transcript import turns
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from tests.conversations.equipment import (
    NOON,
    ending_write,
    new_call,
    new_session,
    turn,
    turn_write,
    usage_write,
)
from tests.graphemes import CASES

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


@pytest.fixture
def call(session: Session) -> OpenedCall:
    return new_call(session)


def test_it_writes_every_field_of_a_turn(call: OpenedCall) -> None:
    said = turn(role=Role.ASSISTANT, heard_text="Hello", heard_ms=400, position=3)
    said = said._replace(first_sound_ms=620)
    assert write([turn_write(call, said._replace(status=TurnStatus.INTERRUPTED))]).renamed == ()
    kept = Turn.objects.get()
    assert (kept.session_id, kept.call_id) == (call.session_id, call.call_id)
    assert (kept.item_id, kept.content_index, kept.position) == ("item_1", 0, 3)
    assert (kept.role, kept.modality, kept.status) == ("assistant", "voice", "interrupted")
    assert (kept.text, kept.heard_text, kept.heard_ms) == ("Hello there.", "Hello", 400)
    assert kept.first_sound_ms == 620
    assert (kept.started_at, kept.completed_at) == (NOON, NOON)


def test_writing_twice_is_harmless(call: OpenedCall) -> None:
    writes: list[Write] = [
        turn_write(call, turn()),
        usage_write(call, usage.Usage("resp_1", "response", audio_out=10)),
        ending_write(call, Ending.CLIENT_LEFT),
    ]
    write(writes)
    write(writes)
    assert (Turn.objects.count(), Usage.objects.count()) == (1, 1)
    assert Call.objects.get().ending == Ending.CLIENT_LEFT


def test_a_later_version_replaces_an_earlier_one(call: OpenedCall) -> None:
    write([turn_write(call, turn(text="Hel", status=TurnStatus.IN_PROGRESS))])
    write([turn_write(call, turn(text="Hello there.", position=5))])
    kept = Turn.objects.get()
    assert (kept.text, kept.status, kept.position) == ("Hello there.", "completed", 5)


def test_a_final_status_never_goes_back_to_in_progress(call: OpenedCall) -> None:
    write([turn_write(call, turn(status=TurnStatus.INTERRUPTED))])
    write([turn_write(call, turn(text="Hello there, friend.", status=TurnStatus.IN_PROGRESS))])
    kept = Turn.objects.get()
    assert (kept.status, kept.text) == ("interrupted", "Hello there, friend.")


def test_each_content_part_of_an_item_has_a_row(call: OpenedCall) -> None:
    write([turn_write(call, turn()), turn_write(call, turn(content_index=1, position=1))])
    assert [kept.content_index for kept in Turn.objects.all()] == [0, 1]


def test_an_item_id_of_another_call_gets_a_row_of_its_own(
    session: Session, call: OpenedCall
) -> None:
    write([turn_write(call, turn(text="What was said."))])
    later = new_call(session)
    reused = turn_write(later, turn(text="A turn under the same id."))
    honest = turn_write(later, turn("item_2", "And more.", position=1))
    assert write([reused, honest]).renamed == (reused,)
    assert write([turn_write(later, turn(text="A turn under the same id, in full."))]).renamed
    kept = list(Turn.objects.all())
    assert [turn.text for turn in kept] == [
        "What was said.",
        "A turn under the same id, in full.",
        "And more.",
    ]
    assert [turn.call_id for turn in kept] == [call.call_id, later.call_id, later.call_id]
    assert kept[1].item_id == f"{later.call_id.hex[:8]}.{kept[0].item_id}"


def test_two_calls_that_write_one_item_id_at_once_both_keep_their_text(
    session: Session, call: OpenedCall
) -> None:
    later = new_call(session)
    writes = [
        turn_write(call, turn(text="The answer.", role=Role.ASSISTANT)),
        turn_write(later, turn(text="A question.")),
    ]
    assert write(writes).renamed == tuple(writes[1:])
    assert [(kept.role, kept.text) for kept in Turn.objects.all()] == [
        ("assistant", "The answer."),
        ("user", "A question."),
    ]


def test_the_same_item_id_in_two_sessions_is_two_turns(call: OpenedCall, stranger: User) -> None:
    other = new_call(new_session(stranger))
    writes = [turn_write(call, turn(text="Mine.")), turn_write(other, turn(text="Theirs."))]
    assert write(writes).renamed == ()
    assert {kept.text: kept.session_id for kept in Turn.objects.all()} == {
        "Mine.": call.session_id,
        "Theirs.": other.session_id,
    }


def test_a_late_turn_of_an_earlier_call_stays_in_front(session: Session, call: OpenedCall) -> None:
    later = new_call(session)
    write([turn_write(later, turn("item_2", "Second."))])
    write([turn_write(call, turn("item_1", "First.", position=99))])
    assert [kept.text for kept in session.turns.all()] == ["First.", "Second."]


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "a\udc00b"])
def test_unstorable_characters_are_replaced(call: OpenedCall, text: str) -> None:
    write([turn_write(call, turn(text=text, heard_text=text, heard_ms=1))])
    kept = Turn.objects.get()
    assert (kept.text, kept.heard_text) == ("a\ufffdb", "a\ufffdb")


def test_an_empty_heard_text_is_not_null(call: OpenedCall) -> None:
    write(
        [
            turn_write(call, turn(heard_text="", heard_ms=0)),
            turn_write(call, turn("item_2", position=1)),
        ]
    )
    assert [kept.heard_text for kept in Turn.objects.all()] == ["", None]


def test_writes_of_a_deleted_session_are_dropped(call: OpenedCall, stranger: User) -> None:
    other = new_call(new_session(stranger))
    Session.objects.filter(pk=call.session_id).delete()
    writes: list[Write] = [
        turn_write(call, turn()),
        ending_write(call, Ending.CLIENT_LEFT),
        turn_write(other, turn()),
    ]
    assert write([*writes, usage_write(call, usage.Usage("resp_1", "response"))]).renamed == ()
    assert [kept.session_id for kept in Turn.objects.all()] == [other.session_id]


def test_one_invalid_write_rolls_back_all(call: OpenedCall) -> None:
    with pytest.raises(TypeError):
        write([turn_write(call, turn()), turn_write(call, turn("item_2", position="first"))])  # type: ignore[arg-type]
    assert not Turn.objects.exists()


@pytest.mark.parametrize("role", [Role.USER, Role.ASSISTANT])
def test_the_first_voice_turn_of_either_side_sets_realtime_mode(
    session: Session, call: OpenedCall, role: Role
) -> None:
    write([turn_write(call, turn(modality=Modality.TEXT))])
    session.refresh_from_db()
    assert not session.realtime_mode
    write([turn_write(call, turn("item_2", role=role, position=1))])
    session.refresh_from_db()
    assert session.realtime_mode


def test_realtime_mode_stays_set(session: Session, call: OpenedCall) -> None:
    write([turn_write(call, turn())])
    write([turn_write(call, turn("item_2", modality=Modality.TEXT, position=1))])
    session.refresh_from_db()
    assert session.realtime_mode


def test_a_turn_updates_updated_at(session: Session, call: OpenedCall) -> None:
    Session.objects.update(updated_at=NOON)
    write([turn_write(call, turn())])
    session.refresh_from_db()
    assert session.updated_at > NOON


def test_an_empty_title_is_set_from_the_users_first_turn(
    session: Session, call: OpenedCall
) -> None:
    writes = [
        turn_write(call, turn("item_3", "And cheese?", position=2)),
        turn_write(call, turn("item_2", "Yes.", role=Role.ASSISTANT, position=0)),
        turn_write(call, turn("item_1", "Do you\nhave bread?", position=1)),
    ]
    write(writes)
    session.refresh_from_db()
    assert session.title == "Do you have bread?"


@pytest.mark.parametrize(
    "written",
    [turn(role=Role.ASSISTANT), turn(text="  "), turn(text="Do y", status=TurnStatus.IN_PROGRESS)],
    ids=["the assistant's", "silent", "half"],
)
def test_other_turns_do_not_set_the_title(
    session: Session, call: OpenedCall, written: object
) -> None:
    write([turn_write(call, written)])  # type: ignore[arg-type]
    session.refresh_from_db()
    assert session.title == ""


def test_a_title_that_is_set_is_kept(session: Session, call: OpenedCall) -> None:
    Session.objects.update(title="Baker")
    write([turn_write(call, turn())])
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


def test_a_title_has_whole_characters() -> None:
    for case in CASES:
        for limit in range(1, len(case.text)) if "\n" not in case.text else ():
            head = shortened(case.text, limit).removesuffix("…")
            assert head in {each.rstrip() for each in case.beginnings}
            assert len(head) <= limit


def test_usage_is_counted_once_with_the_model_that_was_used(call: OpenedCall) -> None:
    spent = usage.Usage("resp_1", "response", text_in=3, audio_in=4, audio_in_cached=2, audio_out=5)
    written = write(
        [
            usage_write(call, spent),
            usage_write(call, usage.Usage("item_1", "transcription", seconds=1.5)),
        ]
    )
    write([usage_write(call, spent)])
    response, transcription = Usage.objects.all()
    assert written.costs == (
        ("gpt-realtime", response.cost_usd),
        ("gpt-transcribe", transcription.cost_usd),
    )
    assert (response.model, response.text_in, response.audio_in) == ("gpt-realtime", 3, 4)
    assert (response.audio_in_cached, response.audio_out) == (2, 5)
    assert (transcription.model, transcription.seconds) == ("gpt-transcribe", 1.5)
    assert transcription.call_id == call.call_id


def test_many_turns_are_written_in_a_few_statements(
    call: OpenedCall, django_assert_max_num_queries: object
) -> None:
    writes = [turn_write(call, turn(f"item_{number}", position=number)) for number in range(100)]
    write(writes)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        write(writes)


def exchange_write(session: Session, written: turns.Turn) -> TurnWrite:
    """The write of a turn in a new exchange without a call."""
    exchange = open_exchange(session.id, session.user_id)
    return TurnWrite(session.id, None, exchange.first_position, written)


def test_a_typed_exchange_stands_between_the_calls_around_it(
    session: Session, call: OpenedCall
) -> None:
    typed = exchange_write(session, turn("item_2", "Second.", modality=Modality.TEXT))
    later = new_call(session)
    write([turn_write(later, turn("item_3", "Third."))])
    write([typed])
    write([turn_write(call, turn("item_1", "First.", position=99))])
    assert [kept.text for kept in session.turns.all()] == ["First.", "Second.", "Third."]
    assert [kept.call_id for kept in session.turns.all()] == [call.call_id, None, later.call_id]


def test_an_exchange_overwrites_neither_a_call_nor_another_exchange(
    session: Session, call: OpenedCall
) -> None:
    spoken = turn_write(call, turn(text="Spoken."))
    first, second = (exchange_write(session, turn(text=text)) for text in ("First.", "Second."))
    write([spoken])
    assert write([first, second]).renamed == (first, second)
    write([first, second, turn_write(call, turn(text="Spoken, in full."))])
    kept = list(session.turns.all())
    assert [row.text for row in kept] == ["Spoken, in full.", "First.", "Second."]
    assert [row.item_id for row in kept] == ["item_1", "100000.item_1", "200000.item_1"]


def test_an_exchange_writes_later_versions_of_its_own_turns(session: Session) -> None:
    first = exchange_write(session, turn(text="Hel", position=1, status=TurnStatus.IN_PROGRESS))
    write([first])
    assert write([replace(first, turn=turn(text="Hello.", position=1))]).renamed == ()
    assert [row.text for row in session.turns.all()] == ["Hello."]


def test_a_final_status_within_one_batch_is_kept(call: OpenedCall) -> None:
    final = turn_write(call, turn(status=TurnStatus.INTERRUPTED))
    write([final, turn_write(call, turn(text="More.", status=TurnStatus.IN_PROGRESS))])
    kept = Turn.objects.get()
    assert (kept.status, kept.text) == ("interrupted", "More.")


def test_two_writes_of_one_thing_are_merged_as_the_database_would(call: OpenedCall) -> None:
    half = turn_write(call, turn(text="Hel", status=TurnStatus.IN_PROGRESS))
    whole = turn_write(call, turn(text="Hello."))
    moved = turn_write(call, turn(text="Hello.", status=TurnStatus.IN_PROGRESS, position=4))
    assert merged(half, whole) == whole
    assert merged(whole, moved) == turn_write(call, turn(text="Hello.", position=4))
    first, second = (
        usage_write(call, usage.Usage("resp_1", "response", text_in=n)) for n in (1, 2)
    )
    assert merged(first, second) is first
    left, failed = (ending_write(call, end) for end in (Ending.CLIENT_LEFT, Ending.INTERNAL))
    assert merged(left, failed) is left


def test_it_returns_what_was_stored(session: Session, call: OpenedCall, stranger: User) -> None:
    write([turn_write(call, turn(status=TurnStatus.COMPLETED))])
    later = new_call(session)
    gone = new_call(new_session(stranger))
    Session.objects.filter(user=stranger).delete()
    writes: list[Write] = [
        turn_write(call, turn(text="More.", status=TurnStatus.IN_PROGRESS)),
        turn_write(later, turn(text="Mine.")),
        turn_write(gone, turn()),
        ending_write(call, Ending.CLIENT_LEFT),
        ending_write(gone, Ending.CLIENT_LEFT),
    ]
    written = write(writes)
    assert [each.turn.status for each in written.turns] == [TurnStatus.COMPLETED] * 2
    assert [each.turn.item_id for each in written.turns] == [
        "item_1",
        f"{later.call_id.hex[:8]}.item_1",
    ]
    # The newer call had ended it before.
    assert written.endings == (ending_write(call, Ending.TAKEN_OVER),)
    assert written.renamed == (writes[1],)


def test_a_cost_is_stored_once_with_the_models_that_were_used(
    call: OpenedCall, settings: Settings
) -> None:
    settings.TRANSCRIPTION_MODEL = "whisper-1"
    spoken = usage.Usage("resp_1", "response", audio_out=10_000)
    heard = usage.Usage("item_1", "transcription", seconds=60.0)
    write([usage_write(call, spoken), usage_write(call, heard)])
    write([replace(usage_write(call, spoken), model="gpt-realtime-2.1-mini")])
    response, transcription = Usage.objects.all()
    assert (response.cost_usd, response.price_date) == (Decimal("0.64"), catalogue.AS_OF)
    assert (transcription.cost_usd, transcription.model) == (Decimal("0.0045"), "gpt-transcribe")


@pytest.mark.parametrize(
    "used",
    [usage.Usage("r", "response", text_in=1), usage.Usage("i", "transcription", seconds=1e300)],
    ids=["tokens", "seconds"],
)
def test_an_unknown_cost_is_stored_as_unknown(call: OpenedCall, used: usage.Usage) -> None:
    write([UsageWrite(call.session_id, None, "somebody-elses", used)])
    row = Usage.objects.select_related("session").get()
    assert row.session is not None and row.user_id == row.session.user_id
    assert (row.cost_usd, row.price_date, row.call_id) == (None, None, None)


def test_a_turn_keeps_the_mark_with_which_it_was_stored(session: Session) -> None:
    for is_reported in (True, False):
        write([TurnWrite(session.pk, None, 0, turn(), is_reported=is_reported)])
    assert Turn.objects.get().is_reported
