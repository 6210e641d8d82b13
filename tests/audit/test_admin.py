"""The audit in the admin: readable with the permission, and editable by nobody."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from backend.audit.models import Action, AuditEntry, record

pytestmark = pytest.mark.django_db

LIST = "/admin/audit/auditentry/"


@pytest.fixture
def entry(staff: User) -> AuditEntry:
    return record(staff, Action.CALL_ENDED, "call", "some-id")


def test_the_list_shows_who_did_what(client: Client, staff: User, entry: AuditEntry) -> None:
    client.force_login(staff)
    page = client.get(LIST).content.decode()
    assert "staff" in page and "ended a call" in page and "some-id" in page


def test_the_list_is_japanese_for_a_japanese_reader(
    client: Client, staff: User, entry: AuditEntry
) -> None:
    client.force_login(staff)
    page = client.get(LIST, HTTP_ACCEPT_LANGUAGE="ja").content.decode()
    assert all(word in page for word in ("監査ログ", "通話を終了", "日時 (UTC)", "操作者", "対象"))


def test_a_superuser_can_neither_add_nor_change_nor_delete(
    client: Client, staff: User, entry: AuditEntry
) -> None:
    client.force_login(staff)
    form = {"actor_name": "somebody else", "post": "yes", "action": "delete_selected"}
    statuses = [
        client.post(f"{LIST}add/", form).status_code,
        client.post(f"{LIST}{entry.pk}/change/", form).status_code,
        client.post(f"{LIST}{entry.pk}/delete/", form).status_code,
    ]
    client.post(LIST, {**form, "_selected_action": str(entry.pk)})
    assert statuses == [403, 403, 403]
    assert AuditEntry.objects.get().actor_name == "staff"


def test_it_takes_a_permission_to_read(client: Client, owner: User, entry: AuditEntry) -> None:
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    client.force_login(owner)
    assert client.get(LIST).status_code == 403
