"""Who may do what with sessions in the admin, and the audit row that each look leaves."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from backend.audit import models as audit
from backend.audit.models import AuditEntry
from backend.conversations.lifecycle import OpenedCall
from backend.conversations.models import Call, Session, Turn
from tests.conversations.admin.equipment import LIST, page_of, read
from tests.conversations.admin.reviewers import reviewer_named, signed_in
from tests.conversations.equipment import kept_turn, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

Row = tuple[str, str, str, str, int | None]


@pytest.fixture
def colleague(db: None) -> Client:
    """A signed-in member of the group Reviewers."""
    return signed_in(reviewer_named("rika"))


def rows() -> list[Row]:
    fields = ("actor_name", "action", "target_type", "target", "owner_id")
    return list(AuditEntry.objects.order_by("pk").values_list(*fields))


def export_of(session: Session) -> str:
    return f"{LIST}{session.pk}/export/txt/"


def test_opening_a_session_leaves_a_row(colleague: Client, session: Session) -> None:
    read(colleague, page_of(session))
    assert rows() == [("rika", "viewed", "session", str(session.pk), session.user_id)]


def test_so_does_a_superusers_and_an_owners_own_look(staff: User) -> None:
    own = new_session(staff)
    read(signed_in(staff), page_of(own))
    assert rows() == [("staff", "viewed", "session", str(own.pk), staff.pk)]


def test_a_page_that_comes_back_with_an_error_is_a_look_too(
    reviewer: Client, session: Session
) -> None:
    assert reviewer.post(page_of(session), {"title": "x" * 201}).status_code == 200
    assert [row[1] for row in rows()] == ["viewed"]


def test_a_search_that_finds_something_leaves_a_row_without_its_words(
    colleague: Client, session: Session, owner: User
) -> None:
    kept_turn(session, text="A secret bakery.")
    kept_turn(new_session(owner), text="Another secret.")
    read(colleague, LIST, q="secret")
    read(colleague, LIST, q="nothing like it")
    read(colleague, LIST, q="  ")
    read(colleague, LIST)
    assert rows() == [("rika", "searched", "sessions found", "2", None)]


@pytest.mark.parametrize(
    ("model_name", "field_name"),
    [("turn", "session"), ("call", "session"), ("usage", "session"), ("user", "sessions")],
)
def test_djangos_autocomplete_does_not_search_sessions(
    colleague: Client, session: Session, model_name: str, field_name: str
) -> None:
    kept_turn(session, text="A secret bakery.")
    app_label = "auth" if model_name == "user" else "conversations"
    asked = {"app_label": app_label, "model_name": model_name, "field_name": field_name}
    answer = colleague.get("/admin/autocomplete/", {**asked, "term": "secret"})
    assert answer.status_code == 403


@pytest.mark.parametrize("lookup", ["title__icontains", "title", "title__startswith"])
def test_an_address_does_not_search_titles(
    colleague: Client, session: Session, lookup: str
) -> None:
    assert colleague.get(LIST, {lookup: "Bre"}).status_code == 400


def test_each_exported_session_has_a_row(
    colleague: Client, session: Session, stranger: User
) -> None:
    other = new_session(stranger)
    assert colleague.get(export_of(session)).status_code == 200
    marked = [str(session.pk), str(other.pk)]
    answer = colleague.post(LIST, {"action": "export_txt", "_selected_action": marked})
    assert answer["Content-Type"] == "application/zip"
    of_owner = ("rika", "exported", "session", str(session.pk), session.user_id)
    of_stranger = ("rika", "exported", "session", str(other.pk), stranger.pk)
    assert rows()[0] == of_owner and sorted(rows()[1:]) == sorted([of_owner, of_stranger])


def test_what_was_refused_leaves_no_row(colleague: Client, session: Session, owner: User) -> None:
    session.deleted_at = session.created_at
    session.save()
    assert colleague.get(page_of(session)).status_code == 302
    assert colleague.get(export_of(session)).status_code == 404
    assert signed_in(owner).get(export_of(session)).status_code == 302
    assert rows() == []


def test_a_look_that_cannot_be_recorded_is_refused_in_words(
    colleague: Client, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_turn(session, text="A secret bakery.")

    def read_only(*_: Any, **__: Any) -> None:
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(AuditEntry, "save", read_only)
    monkeypatch.setattr(audit, "record_many", read_only)
    answers = [
        colleague.get(page_of(session)),
        colleague.get(LIST, {"q": "secret"}),
        colleague.get(export_of(session)),
        colleague.post(LIST, {"action": "export_txt", "_selected_action": str(session.pk)}),
        colleague.post(f"{LIST}{session.pk}/review/", {"note": "Fine."}),
    ]
    assert [answer.status_code for answer in answers] == [503] * 5
    for answer in answers:
        page = answer.content.decode()
        assert "Reading is recorded in the audit" in page and "bakery" not in page
    assert not session.review_notes.exists()


def test_an_unsearched_list_needs_no_row(
    colleague: Client, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AuditEntry, "save", None)
    assert colleague.get(LIST).status_code == 200


def test_a_reviewer_changes_nothing_but_reviews(
    colleague: Client, session: Session, call: OpenedCall, owner: User
) -> None:
    kept_turn(session, call)
    marked = {"_selected_action": str(session.pk), "post": "yes"}
    answers = [
        colleague.post(page_of(session), {"title": "Cheese"}),
        colleague.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}),
        colleague.post(f"{LIST}add/", {"title": "Cheese"}),
        colleague.post(LIST, {**marked, "action": "delete_selected"}),
        colleague.post(f"/admin/live_desk/livecall/{call.call_id}/end/"),
        colleague.post(f"/admin/auth/user/{owner.pk}/change/", {"username": "x"}),
        colleague.post("/admin/auth/user/", {"action": "end_login", "_selected_action": owner.pk}),
        colleague.post("/admin/audit/auditentry/", {"action": "delete_selected"}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 8
    assert (Session.objects.get().title, Turn.objects.count()) == ("Bread", 1)
    assert Call.objects.get().requested_ending == ""


@pytest.mark.parametrize(
    "path",
    ["auth/user/", "auth/group/", "authtoken/tokenproxy/", "audit/auditentry/",
     "live_desk/livecall/"],
)  # fmt: skip
def test_a_reviewer_sees_neither_accounts_nor_tokens_nor_the_audit(
    colleague: Client, path: str
) -> None:
    assert colleague.get(f"/admin/{path}").status_code in (403, 404)
    assert f'href="/admin/{path}' not in read(colleague, "/admin/")


def test_a_reviewer_is_shown_no_link_to_the_account(
    colleague: Client, reviewer: Client, session: Session
) -> None:
    link = f"/admin/auth/user/{session.user_id}/change/"
    assert link not in read(colleague, page_of(session))
    assert link in read(reviewer, page_of(session))
