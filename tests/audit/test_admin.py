"""The audit in the admin: readable with the permission, and editable by nobody."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from backend.audit.models import Action, AuditEntry, record

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

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


def test_the_target_and_its_owner_are_shown_as_far_as_they_are_known(
    client: Client, staff: User, owner: User
) -> None:
    record(staff, Action.VIEWED, "session", "0a" * 16, owner.pk)
    record(staff, Action.VIEWED, "session", "0b" * 16, 4711)
    record(staff, Action.SEARCHED, "sessions found", 17)
    client.force_login(staff)
    page = client.get(LIST).content.decode()
    assert f'<a href="/admin/conversations/session/{"0a" * 16}/change/">' in page
    owners = re.findall(r'class="field-owner">([^<]*)<', page)
    assert owners == ["–", "ID 4711", "owner"]
    assert 'class="field-target_link">17<' in page and "searched sessions" in page


def test_a_long_list_takes_no_more_queries_than_a_short_one(
    client: Client, staff: User, owner: User, django_assert_num_queries: Any
) -> None:
    client.force_login(staff)
    record(staff, Action.VIEWED, "session", "one", owner.pk)
    with django_assert_num_queries(5, exact=False) as short:
        client.get(LIST)
    for number in range(30):
        record(staff, Action.VIEWED, "session", number, owner.pk)
    with django_assert_num_queries(len(short)):
        client.get(LIST)


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
