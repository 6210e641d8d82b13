"""A deleted session is hidden everywhere, restorable for an hour, and then gone for good."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.test import Client
from rest_framework.test import APIClient

from backend.conversations import deleting
from backend.conversations.exports.archive import export_archive
from backend.conversations.jobs import clean_up
from backend.conversations.lifecycle import OpenedCall, open_exchange, renew_leases
from backend.conversations.models import Call, Session, Turn, Usage
from backend.conversations.replies import (
    Lease,
    OpenedReply,
    ask_to_stop,
    end_reply,
    has_message,
    open_reply,
    renew_lease,
)
from backend.conversations.writing import write
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.protocol.transcript.turns import TurnStatus
from tests.conversations.equipment import (
    ending_write,
    kept_turn,
    kept_usage,
    new_call,
    new_session,
    turn,
    turn_write,
    usage_write,
)

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner, title="Bread")


def hide(session: Session) -> None:
    assert deleting.hide(session.id, session.user_id)


def delete(client: APIClient, session: Session) -> int:
    status: int = client.delete(f"/api/sessions/{session.id}/").status_code
    return status


def restore(client: APIClient, session: Session) -> Any:
    return client.post(f"/api/sessions/{session.id}/restore/")


def opened_reply(session: Session, message_id: str = "m1") -> OpenedReply:
    reply = open_reply(session.id, session.user_id, message_id)
    assert isinstance(reply, OpenedReply)
    return reply


def requests_for(client: APIClient, session: Session) -> list[Any]:
    """The responses of every endpoint that reads or changes a session, but for `restore/`."""
    url = f"/api/sessions/{session.id}/"
    ticket = {"session_id": str(session.id)}
    return [
        client.get(url),
        client.patch(url, {"title": "x"}, format="json"),
        client.delete(url),
        client.get(f"{url}turns/"),
        client.get(f"{url}export/"),
        client.post(f"{url}transcriptions/", {}, format="multipart"),
        client.post(f"{url}messages/m1/stop/"),
        client.post("/api/realtime/tickets/", ticket, format="json"),
    ]


def titles(client: APIClient, query: str = "") -> list[str]:
    return [each["title"] for each in client.get(f"/api/sessions/{query}").json()["results"]]


def test_a_deleted_session_is_a_404_everywhere(as_owner: APIClient, session: Session) -> None:
    reply = opened_reply(session)
    end_reply(reply.reply_id, reply.attempt, TurnStatus.COMPLETED)
    assert delete(as_owner, session) == 204
    responses = requests_for(as_owner, session)
    assert [each.status_code for each in responses] == [404] * len(responses)
    assert {each.json()["error"]["code"] for each in responses} == {"not_found"}
    assert Session.with_deleted.get().title == "Bread"


def test_it_is_in_no_list_search_or_archive(
    as_owner: APIClient, owner: User, session: Session
) -> None:
    kept_turn(session, text="Do you have bread?")
    new_session(owner, title="Cheese")
    delete(as_owner, session)
    assert titles(as_owner) == ["Cheese"]
    assert titles(as_owner, "?search=bread") == []
    # An archive that holds no file is an end record of 22 bytes.
    assert len(b"".join(export_archive([session.pk], "txt").chunks)) == 22


def test_the_admin_leaves_it_out(client: Client, staff: User, session: Session) -> None:
    hide(session)
    client.force_login(staff)
    path = "/admin/conversations/session/"
    assert str(session.pk) not in client.get(path).content.decode()
    assert client.get(f"{path}{session.pk}/export/txt/").status_code == 404
    assert client.get(f"{path}{session.pk}/change/").status_code == 302


def test_no_call_and_no_answer_starts_in_it(session: Session) -> None:
    hide(session)
    for start in (
        lambda: new_call(session),
        lambda: opened_reply(session),
        lambda: open_exchange(session.id, session.user_id),
    ):
        with pytest.raises(AdmissionRefused, match="session_unknown"):
            start()


def test_its_call_ends_at_the_next_heartbeat(session: Session) -> None:
    call = new_call(session)
    hide(session)
    assert renew_leases([call.call_id]) == {call.call_id: Ending.COMPLETED}


def test_its_running_answer_stops_at_the_next_heartbeat(session: Session) -> None:
    reply = opened_reply(session)
    hide(session)
    assert renew_lease(reply.reply_id, reply.attempt) is Lease.STOPPED
    assert not ask_to_stop(session.id, session.user_id)
    assert not has_message(session.id, session.user_id, "m1")


def test_an_undo_within_the_heartbeat_leaves_both_running(owner: User, session: Session) -> None:
    typed = new_session(owner)
    call, reply = new_call(session), opened_reply(typed)
    for each in (session, typed):
        hide(each)
        deleting.restore(each.id, owner.pk)
    assert renew_leases([call.call_id]) == {}
    assert renew_lease(reply.reply_id, reply.attempt) is Lease.KEPT


def late_writes(call: OpenedCall) -> None:
    """What the recorder still has of a call when it ends."""
    write([turn_write(call, turn(text="Goodbye.")), ending_write(call, Ending.COMPLETED)])
    write([usage_write(call, usage.Usage("resp_1", "response", text_out=5))])


def test_what_is_stored_after_the_deletion_is_there_when_it_is_restored(
    as_owner: APIClient, session: Session
) -> None:
    call = new_call(session)
    delete(as_owner, session)
    late_writes(call)
    assert titles(as_owner) == []
    response = restore(as_owner, session)
    assert response.status_code == 200
    detail = response.json()
    assert (detail["title"], detail["status"], detail["turn_count"]) == ("Bread", "open", 1)
    assert [each["ending"] for each in detail["calls"]] == ["completed"]
    assert detail["usage"]["text_out"] == 5
    assert detail == as_owner.get(f"/api/sessions/{session.id}/").json()
    new_call(session)


def test_what_comes_after_it_is_gone_for_good_is_dropped_but_for_its_cost(session: Session) -> None:
    call = new_call(session)
    hide(session)
    deleting.purge(timedelta())
    late_writes(call)
    assert not any(model.objects.exists() for model in (Call, Turn))
    assert Usage.objects.filter(session=None, call=None).count() == 1


def test_restoring_keeps_its_place_in_the_list(
    as_owner: APIClient, owner: User, session: Session
) -> None:
    new_session(owner, title="Newer")
    delete(as_owner, session)
    restore(as_owner, session)
    assert titles(as_owner) == ["Newer", "Bread"]


def test_it_is_deleted_and_restored_once(as_owner: APIClient, session: Session) -> None:
    assert [delete(as_owner, session) for _ in range(2)] == [204, 404]
    assert [restore(as_owner, session).status_code for _ in range(2)] == [200, 200]


def test_only_its_user_deletes_and_restores_it(
    as_owner: APIClient, as_stranger: APIClient, as_nobody: APIClient, session: Session
) -> None:
    assert delete(as_stranger, session) == 404
    assert titles(as_owner) == ["Bread"]
    delete(as_owner, session)
    assert restore(as_stranger, session).status_code == 404
    assert restore(as_nobody, session).status_code == 401
    assert titles(as_owner) == []
    unknown = as_owner.post(f"/api/sessions/{uuid4()}/restore/")
    assert unknown.json()["error"]["code"] == "not_found"


def test_after_an_hour_the_job_deletes_it_for_good(
    as_owner: APIClient, owner: User, session: Session
) -> None:
    kept_turn(session, new_call(session))
    kept_usage(session, "resp_1", "gpt-realtime")
    recent, kept = new_session(owner, title="recent"), new_session(owner, title="kept")
    for each in (session, recent):
        hide(each)
    Session.with_deleted.filter(pk=session.pk).update(
        deleted_at=F("deleted_at") - deleting.RESTORABLE_FOR
    )
    clean_up.call()
    assert set(Session.with_deleted.all()) == {recent, kept}
    assert not any(model.objects.exists() for model in (Call, Turn))
    assert Usage.objects.get(session=None, call=None).source_id == "resp_1"
    assert restore(as_owner, session).status_code == 404
    assert restore(as_owner, recent).status_code == 200


def test_a_session_that_is_restored_while_the_job_runs_is_kept(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(session)
    atomic = transaction.atomic

    def restored_before(*args: Any, **more: Any) -> Any:
        deleting.restore(session.id, session.user_id)
        return atomic(*args, **more)

    monkeypatch.setattr(transaction, "atomic", restored_before)
    assert deleting.purge(timedelta()) == 0
    assert Session.objects.exists()


def test_a_user_is_deleted_with_their_hidden_sessions(owner: User, session: Session) -> None:
    kept_turn(session)
    hide(session)
    owner.delete()
    assert not Session.with_deleted.exists()
