"""The turns that a browser reports: their order, their updates, and what they never change."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from backend.conversations.history import past_of
from backend.conversations.lifecycle import POSITIONS_PER_BLOCK, end_call, open_exchange
from backend.conversations.models import Session, Turn
from backend.conversations.writing import TurnWrite, write
from backend.direct.reported_turns import keep_reported
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from tests.conversations.equipment import new_call, new_session, turn, turn_write

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


def keep(session: Session, *reported: Any) -> list[Turn]:
    return keep_reported(session.pk, session.user_id, reported)


def texts(session: Session) -> list[str]:
    return [each.text for each in session.turns.all()]


def test_reported_turns_are_stored_in_the_given_order(session: Session) -> None:
    answer = turn("a", "Yes.", role=Role.ASSISTANT, heard_text="Ye", heard_ms=80)
    stored = keep(session, turn("q", "Is there bread?"), answer)
    assert stored == list(session.turns.all())
    assert [each.is_reported for each in stored] == [True, True]
    assert (stored[1].role, stored[1].heard_text, stored[1].heard_ms, stored[1].call) == (
        "assistant", "Ye", 80, None,
    )  # fmt: skip


def test_the_session_gets_its_mode_and_its_title(session: Session) -> None:
    keep(session, turn("t", "Typed.", modality=Modality.TEXT))
    session.refresh_from_db()
    assert (session.realtime_mode, session.title) == (False, "Typed.")
    keep(session, turn("v", "Spoken."))
    session.refresh_from_db()
    assert (session.realtime_mode, session.title) == (True, "Typed.")


def test_each_report_comes_after_what_began_before(session: Session) -> None:
    keep(session, turn("d1", "First, directly."))
    call = new_call(session)
    keep(session, turn("d2", "Third, directly."))
    write([turn_write(call, turn("r", "Second, through the relay."))])
    end_call(call.call_id, Ending.CLIENT_LEFT)
    exchange = open_exchange(session.pk, session.user_id)
    write([TurnWrite(session.pk, None, exchange.first_position, turn("m", "Fourth, typed."))])
    keep(session, turn("d3", "Fifth, directly."))
    assert texts(session) == [
        "First, directly.", "Second, through the relay.", "Third, directly.", "Fourth, typed.",
        "Fifth, directly.",
    ]  # fmt: skip


def test_reporting_again_changes_nothing(session: Session) -> None:
    first = keep(session, turn("q", "Hello."), turn("a", "Hi.", role=Role.ASSISTANT))
    session.refresh_from_db()
    assert session.next_position == POSITIONS_PER_BLOCK
    again = keep(session, turn("a", "Hi.", role=Role.ASSISTANT), turn("q", "Hello."))
    assert [each.pk for each in again] == [first[1].pk, first[0].pk]
    assert texts(session) == ["Hello.", "Hi."]
    session.refresh_from_db()
    assert session.next_position == POSITIONS_PER_BLOCK


def test_a_turn_in_progress_is_completed_in_its_place(session: Session) -> None:
    keep(session, turn("q", "", status=TurnStatus.IN_PROGRESS))
    keep(session, turn("a", "Hi.", role=Role.ASSISTANT), turn("q", "Hello."))
    assert texts(session) == ["Hello.", "Hi."]
    assert {each.status for each in session.turns.all()} == {"completed"}


def test_a_final_turn_stays_final(session: Session) -> None:
    keep(session, turn("q", "Hello there."))
    (stored,) = keep(session, turn("q", "Hel", status=TurnStatus.IN_PROGRESS))
    assert (stored.text, stored.status) == ("Hello there.", "completed")


def test_two_versions_in_a_batch_are_one_turn(session: Session) -> None:
    unfinished = turn("q", "Hel", status=TurnStatus.IN_PROGRESS)
    stored = keep(session, unfinished, turn("x", "Next."), turn("q", "Hello."), unfinished)
    assert [each.text for each in stored] == texts(session) == ["Hello.", "Next."]


def test_parts_of_an_item_are_turns_of_their_own(session: Session) -> None:
    keep(session, turn("a", "One."), turn("a", "Two.", content_index=1))
    stored = keep(session, turn("a", "Two!", content_index=1))
    assert [(each.content_index, each.text) for each in stored] == [(1, "Two!")]
    assert texts(session) == ["One.", "Two!"]


@pytest.mark.parametrize("status", TurnStatus)
def test_what_the_relay_stored_is_never_changed(session: Session, status: TurnStatus) -> None:
    call = new_call(session)
    write([turn_write(call, turn("q", "Seen by the relay.", status=status))])
    before = Turn.objects.values().get()
    (stored,) = keep(session, turn("q", "Made up.", role=Role.ASSISTANT))
    assert Turn.objects.values().get() == before
    assert (stored.text, stored.is_reported) == ("Seen by the relay.", False)


def test_what_the_relay_stored_gets_no_further_part(session: Session) -> None:
    call = new_call(session)
    write([turn_write(call, turn("a", "Seen by the relay.", role=Role.ASSISTANT))])
    made_up = turn("a", "Made up.", role=Role.ASSISTANT, content_index=1)
    (stored,) = keep(session, made_up, turn("d", "Reported."))
    assert stored.text == "Reported."
    assert [item.text for item in past_of(session.pk).items] == ["Seen by the relay.", "Reported."]


def test_what_was_typed_is_never_changed(session: Session) -> None:
    exchange = open_exchange(session.pk, session.user_id)
    write([TurnWrite(session.pk, None, exchange.first_position, turn("m", "Typed."))])
    keep(session, turn("m", "Made up."))
    assert texts(session) == ["Typed."]


def test_the_relay_stores_a_turn_whose_id_was_reported_before(session: Session) -> None:
    call = new_call(session)
    keep(session, turn("q", "Made up."))
    write([turn_write(call, turn("q", "Seen by the relay."))])
    assert [(each.text, each.is_reported) for each in session.turns.all()] == [
        ("Seen by the relay.", False),
        ("Made up.", True),
    ]


def test_models_are_given_reported_turns_as_history(session: Session) -> None:
    keep(session, turn("q", "Is there bread?"), turn("a", "Yes.", role=Role.ASSISTANT))
    assert [item.text for item in past_of(session.pk).items] == ["Is there bread?", "Yes."]


def test_characters_that_no_column_can_hold_are_replaced(session: Session) -> None:
    (stored,) = keep(session, turn("q")._replace(text="a\0b"))
    assert stored.text == "a\ufffdb"


def test_an_empty_report_changes_nothing(session: Session) -> None:
    assert keep(session) == []
    session.refresh_from_db()
    assert session.next_position == 0


def test_a_foreign_a_closed_and_a_deleted_session_are_refused(
    session: Session, stranger: User
) -> None:
    with pytest.raises(AdmissionRefused) as refused:
        keep_reported(session.pk, stranger.pk, [turn()])
    assert refused.value.code == "session_unknown"
    for field, code in (("closed_at", "session_closed"), ("deleted_at", "session_unknown")):
        Session.objects.filter(pk=session.pk).update(**{field: session.created_at})
        with pytest.raises(AdmissionRefused) as refused:
            keep(session, turn())
        assert refused.value.code == code
    assert not Turn.objects.exists()
