"""The live desk: who is in a call now, and the end of one with permission, POST and audit row."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.test import Client

from backend.audit.models import AuditEntry
from backend.conversations.control import request_end
from backend.conversations.lifecycle import OpenedCall, end_call, renew_leases
from backend.conversations.models import Call
from backend.live_desk.admin import live_calls
from backend.protocol.endings import Ending
from tests.cast import person
from tests.conversations.equipment import new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LIST = "/admin/live_desk/livecall/"


@pytest.fixture
def call(owner: User) -> OpenedCall:
    return new_call(new_session(owner, title="A secret plan"), worker="web-1:7")


@pytest.fixture
def operator(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def end_url(call: OpenedCall) -> str:
    return f"{LIST}{call.call_id}/end/"


def cells(html: str) -> list[str]:
    """The texts of the list's first row."""
    row = html.partition("<tbody>")[2].partition("</tr>")[0]
    return [
        re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"(?s)<t[dh].*?</t[dh]>", row)
    ]


def limited(*permissions: str) -> User:
    """A member of staff with these permissions only."""
    user = person("limited")
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def test_the_list_shows_who_is_in_a_call_on_every_worker(
    operator: Client, call: OpenedCall
) -> None:
    html = operator.get(LIST).content.decode()
    user, _, duration, state, model, worker, *_ = cells(html)
    assert (user, state, model, worker) == ("owner", "live", "gpt-realtime", "web-1:7")
    assert re.fullmatch(r"0:0\d", duration)
    assert "A secret plan" not in html


def test_a_call_over_webrtc_says_so(operator: Client, call: OpenedCall) -> None:
    Call.objects.update(transport=Call.Transport.WEBRTC)
    assert cells(operator.get(LIST).content.decode())[4] == "gpt-realtime · WebRTC"


@pytest.mark.postgres
def test_only_calls_that_run_are_live(owner: User) -> None:
    live, ended, dead = (new_call(new_session(owner)) for _ in range(3))
    end_call(ended.call_id, Ending.CLIENT_LEFT)
    Call.objects.filter(pk=dead.call_id).update(lease_until=Now() - timedelta(seconds=1))
    assert [call.pk for call in live_calls()] == [live.call_id]


def test_the_page_is_japanese_for_a_japanese_operator(operator: Client, call: OpenedCall) -> None:
    html = operator.get(LIST, HTTP_ACCEPT_LANGUAGE="ja").content.decode()
    assert "通話中の一覧" in html and "現在の通話数: 1" in html


def test_the_note_of_an_old_list_is_hidden_by_an_element_without_a_class(
    operator: Client,
) -> None:
    """The admin's `errornote` sets `display`, so that its element would show although `hidden`."""
    note = re.search(r'<(\w+) id="live-calls-stale"[^>]*>', operator.get(LIST).content.decode())
    assert note is not None and " hidden" in note[0] and "class" not in note[0]


def test_an_empty_list_says_so(operator: Client) -> None:
    assert "Nobody is in a call." in operator.get(LIST).content.decode()


def test_a_call_whose_end_was_requested_is_shown_as_ending(
    operator: Client, call: OpenedCall
) -> None:
    request_end(call.call_id)
    assert cells(operator.get(LIST).content.decode())[3] == "ending"


def test_the_page_runs_no_inline_script(operator: Client, call: OpenedCall) -> None:
    html = operator.get(LIST).content.decode()
    scripts = re.findall(r"(?s)<script([^>]*)>(.*?)</script>", html)
    assert any("live_desk/refresh.js" in attributes for attributes, _ in scripts)
    assert not any(content.strip() for _, content in scripts)


def test_a_long_list_takes_no_more_queries_than_a_short_one(
    operator: Client, owner: User, django_assert_num_queries: Any
) -> None:
    counts = []
    for _ in range(2):
        new_call(new_session(owner))
        with django_assert_num_queries(6, exact=False) as queries:
            operator.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_call_ends_after_a_confirmation_and_leaves_an_audit_row(
    operator: Client, call: OpenedCall, staff: User, owner: User
) -> None:
    asked = operator.get(end_url(call)).content.decode()
    assert "End this call?" in asked and not AuditEntry.objects.exists()
    assert operator.post(end_url(call)).headers["Location"] == LIST
    row = AuditEntry.objects.get()
    assert (row.actor_name, row.action, row.target, row.owner_id) == (
        "staff", "call_ended", str(call.call_id), owner.pk,
    )  # fmt: skip
    assert renew_leases([call.call_id]) == {call.call_id: Ending.COMPLETED}


def test_a_call_that_is_over_cannot_be_ended_again(operator: Client, call: OpenedCall) -> None:
    end_call(call.call_id, Ending.CLIENT_LEFT)
    page = operator.post(end_url(call), follow=True).content.decode()
    assert "That call is over already." in page
    assert not AuditEntry.objects.exists()


def test_an_end_without_a_csrf_token_is_refused(call: OpenedCall, staff: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff)
    assert strict.post(end_url(call)).status_code == 403
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("permissions", "list_status", "end_status", "has_button"),
    [
        ([], 403, 403, False),
        (["view_livecall"], 200, 403, False),
        (["end_livecall"], 403, 403, False),
        (["view_livecall", "end_livecall"], 200, 302, True),
    ],
)
def test_each_page_takes_its_permission(
    client: Client,
    call: OpenedCall,
    permissions: list[str],
    list_status: int,
    end_status: int,
    has_button: bool,
) -> None:
    client.force_login(limited(*permissions))
    page = client.get(LIST)
    assert page.status_code == list_status
    assert (f'href="{end_url(call)}"' in page.content.decode()) is has_button
    assert client.post(end_url(call)).status_code == end_status
    assert AuditEntry.objects.exists() is (end_status == 302)


def test_a_user_who_is_not_staff_is_sent_to_the_sign_in(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert client.get(LIST).status_code == 302
