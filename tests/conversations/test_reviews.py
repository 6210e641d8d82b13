"""Reviews: each reviewer writes only their own, two at once lose nothing, and each is audited."""

from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connections

from backend.audit.models import AuditEntry
from backend.conversations import reviews
from backend.conversations.models import NOTE_LENGTH, ReviewNote, Session
from backend.conversations.reviews import NoteTooLong, SessionGone, review, withdraw
from tests.conversations.equipment import new_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


def notes(session: Session) -> dict[str, str]:
    return dict(session.review_notes.values_list("reviewer_name", "note"))


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_a_review_says_who_and_when_and_why(session: Session, staff: User) -> None:
    row = review(session.pk, staff, " Polite.\r\nToo long. ")
    assert (row.reviewer, row.reviewer_name) == (staff, "staff")
    assert notes(session) == {"staff": "Polite.\nToo long."}
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.owner_id) == (
        "noted", str(session.pk), session.user_id,
    )  # fmt: skip


def test_a_second_review_replaces_ones_own_and_nobody_elses(
    session: Session, staff: User, stranger: User
) -> None:
    first = review(session.pk, staff, "One.")
    review(session.pk, stranger, "")
    second = review(session.pk, staff, "Two.")
    assert notes(session) == {"staff": "Two.", "stranger": ""}
    assert second.reviewed_at > first.reviewed_at


def test_only_ones_own_review_can_be_withdrawn(
    session: Session, staff: User, stranger: User
) -> None:
    review(session.pk, staff, "One.")
    assert not withdraw(session.pk, stranger)
    assert notes(session) == {"staff": "One."}
    assert withdraw(session.pk, staff)
    assert (notes(session), actions()) == ({}, ["noted", "note_withdrawn"])


def test_a_note_has_a_limit(session: Session, staff: User) -> None:
    review(session.pk, staff, "の" * NOTE_LENGTH)
    with pytest.raises(NoteTooLong):
        review(session.pk, staff, "x" * (NOTE_LENGTH + 1))
    assert notes(session) == {"staff": "の" * NOTE_LENGTH}


@pytest.mark.postgres
def test_what_cannot_be_stored_is_left_out(session: Session, staff: User) -> None:
    review(session.pk, staff, "a\0b\ud800c")
    assert notes(session) == {"staff": "abc"}


@pytest.mark.parametrize("change", [lambda pk, user: review(pk, user, ""), withdraw])
def test_a_session_that_is_gone_cannot_be_reviewed(
    session: Session, staff: User, change: object
) -> None:
    Session.objects.update(deleted_at=session.created_at)
    with pytest.raises(SessionGone):
        change(session.pk, staff)  # type: ignore[operator]
    assert not (ReviewNote.objects.exists() or AuditEntry.objects.exists())


def test_a_review_outlives_its_reviewer_and_goes_with_its_session(
    session: Session, staff: User
) -> None:
    review(session.pk, staff, "One.")
    staff.delete()
    assert notes(session) == {"staff": "One."}
    session.delete()
    assert not ReviewNote.objects.exists()


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_reviewers_at_once_lose_nothing(session: Session, staff: User, stranger: User) -> None:
    together = Barrier(4)

    def write(user: User | AnonymousUser, note: str) -> None:
        together.wait(5)
        try:
            reviews.review(session.pk, user, note)
        finally:
            connections.close_all()

    who = [(staff, "One."), (staff, "Two."), (stranger, "Three."), (stranger, "Three.")]
    threads = [Thread(target=write, args=each) for each in who]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    kept = notes(session)
    assert kept["stranger"] == "Three." and kept["staff"] in ("One.", "Two.")
    assert actions() == ["noted"] * 4
