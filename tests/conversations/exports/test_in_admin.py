"""Exports in the admin: who may view may export, one session or many."""

import io
import zipfile
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from backend.audit.models import AuditEntry
from backend.conversations.exports import in_admin
from backend.conversations.exports.export_session import FORMATS
from backend.conversations.models import Session
from tests.cast import person
from tests.conversations.equipment import NOON, kept_turn, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LIST = "/admin/conversations/session/"


@pytest.fixture
def reviewer(client: Client) -> Client:
    """Staff with permission to view sessions and no other."""
    return signed_in(client, "view_session")


def signed_in(client: Client, *permissions: str) -> Client:
    colleague = person("colleague")
    User.objects.filter(pk=colleague.pk).update(is_staff=True)
    colleague.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(User.objects.get(pk=colleague.pk))
    return client


@pytest.fixture
def session(owner: User) -> Session:
    session = new_session(owner, title="パンの話", created_at=NOON)
    kept_turn(session, text="パンをください。")
    return session


def sent(response: Any) -> bytes:
    assert response.status_code == 200
    return bytes(response.getvalue())


@pytest.mark.parametrize("name", FORMATS)
def test_a_sessions_page_has_a_link_to_each_format(
    reviewer: Client, session: Session, name: str
) -> None:
    path = f"{LIST}{session.pk}/export/{name}/"
    page = reviewer.get(f"{LIST}{session.pk}/change/").content.decode()
    assert f'href="{path}"' in page
    assert f"Export {FORMATS[name].label}" in page
    response = reviewer.get(path)
    assert response["Content-Type"] == FORMATS[name].content_type
    assert "パンをください。" in sent(response).decode()


@pytest.mark.parametrize("name", FORMATS)
def test_many_sessions_are_exported_as_an_archive(
    reviewer: Client, session: Session, stranger: User, name: str
) -> None:
    other = new_session(stranger, title="Cake", created_at=NOON)
    unchosen = new_session(stranger, title="Tea")
    form = {"action": f"export_{name}", "_selected_action": [session.pk, other.pk]}
    response = reviewer.post(LIST, form)
    assert response["Content-Disposition"] == f'attachment; filename="kaiwa-{name}.zip"'
    names = zipfile.ZipFile(io.BytesIO(sent(response))).namelist()
    assert set(names) == {f"パンの話 2026-01-02.{name}", f"Cake 2026-01-02.{name}"}
    assert unchosen.title not in str(names)


def test_too_many_sessions_are_not_exported(
    reviewer: Client, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_admin, "MOST_EXPORTED", 1)
    marked = [session.pk, new_session(session.user).pk]
    form = {"action": "export_json", "_selected_action": marked}
    response = reviewer.post(LIST, form, follow=True)
    assert response.redirect_chain[0][0].endswith(LIST)
    assert "Nothing was exported: more than 1 sessions are selected." in response.content.decode()
    assert not AuditEntry.objects.filter(action="exported").exists()
    sent(reviewer.post(LIST, form | {"_selected_action": marked[:1]}))
    assert AuditEntry.objects.filter(action="exported").count() == 1


def test_the_list_offers_every_format(reviewer: Client, session: Session) -> None:
    page = reviewer.get(LIST).content.decode()
    for each in FORMATS.values():
        assert f'<option value="export_{each.name}">Export as {each.label} (ZIP)</option>' in page
    assert "delete_selected" not in page


def test_nothing_is_exported_without_permission_to_view(client: Client, session: Session) -> None:
    path = f"{LIST}{session.pk}/export/json/"
    assert client.get(path).status_code == 302
    signed_in(client)
    assert client.get(path).status_code == 403
    form = {"action": "export_json", "_selected_action": [session.pk]}
    assert client.post(LIST, form).status_code == 403


def test_what_does_not_exist_is_a_404(reviewer: Client, session: Session) -> None:
    assert reviewer.get(f"{LIST}{session.pk}/export/xml/").status_code == 404
    assert reviewer.get(f"{LIST}{uuid4()}/export/json/").status_code == 404
