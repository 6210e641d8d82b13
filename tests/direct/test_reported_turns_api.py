"""`POST /api/sessions/{id}/reported-turns/`: what is stored, and each refusal."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from backend.conversations.models import Session, Turn
from backend.direct.reported_turns_api import MAX_TURNS, ReportedTurnsThrottle
from tests.conversations.equipment import new_session
from tests.direct.equipment import allow_direct_sessions

pytestmark = pytest.mark.django_db

ASKED = {
    "item_id": "item_1", "role": "user", "modality": "voice", "text": " Is there bread? ",
    "status": "completed", "started_at": "2026-02-02T12:00:00Z",
}  # fmt: skip
ANSWERED = {
    "item_id": "item_2", "content_index": 1, "role": "assistant", "modality": "voice",
    "text": "Yes, a lot.", "heard_text": "Yes,", "heard_ms": 400, "status": "interrupted",
    "started_at": "2026-02-02T21:00:01+09:00", "completed_at": None,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _direct_sessions_are_on(settings: Settings, owner: User) -> None:
    settings.DIRECT_SESSIONS = True
    allow_direct_sessions(owner)


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


def report(client: APIClient, session_id: object, *turns: Any) -> Any:
    path = f"/api/sessions/{session_id}/reported-turns/"
    return client.post(path, {"turns": list(turns)}, format="json")


def refusal(response: Any) -> tuple[int, str]:
    assert not Turn.objects.exists()
    return response.status_code, response.json()["error"]["code"]


def test_the_answer_is_the_stored_turns(as_owner: APIClient, session: Session) -> None:
    response = report(as_owner, session.pk, ASKED, ANSWERED)
    assert response.status_code == 200
    kept = as_owner.get(f"/api/sessions/{session.pk}/turns/").json()["results"]
    assert response.json() == {"turns": kept}
    assert [each["is_reported"] for each in kept] == [True, True]
    assert (kept[0]["text"], kept[0]["heard_text"], kept[0]["completed_at"]) == (
        " Is there bread? ", None, None,
    )  # fmt: skip
    assert (kept[1]["heard_text"], kept[1]["heard_ms"], kept[1]["status"]) == (
        "Yes,", 400, "interrupted",
    )  # fmt: skip
    assert [each["started_at"] for each in kept] == [
        "2026-02-02T12:00:00Z", "2026-02-02T12:00:01Z",
    ]  # fmt: skip


def test_a_report_can_be_repeated(as_owner: APIClient, session: Session) -> None:
    first = report(as_owner, session.pk, ASKED, ANSWERED).json()
    assert report(as_owner, session.pk, ASKED, ANSWERED).json() == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"item_id": ""},
        {"item_id": "x" * 129},
        {"content_index": -1},
        {"content_index": 2**15},
        {"role": "tool"},
        {"role": "system"},
        {"modality": "video"},
        {"status": "done"},
        {"text": None},
        {"heard_ms": -1},
        {"heard_ms": 2**31},
        {"started_at": "yesterday"},
        {"is_reported": False},
        {"position": 1},
    ],
    ids=str,
)
def test_a_wrong_field_refuses_the_whole_report(
    as_owner: APIClient, session: Session, wrong: dict[str, Any]
) -> None:
    assert refusal(report(as_owner, session.pk, ASKED, ANSWERED | wrong)) == (400, "invalid")


def test_a_report_has_a_bounded_number_of_turns(as_owner: APIClient, session: Session) -> None:
    many = [ASKED | {"item_id": f"item_{number}"} for number in range(MAX_TURNS + 1)]
    assert refusal(report(as_owner, session.pk, *many)) == (400, "invalid")
    assert len(report(as_owner, session.pk, *many[1:]).json()["turns"]) == MAX_TURNS


def test_a_report_has_the_size_of_a_keepalive_request(
    as_owner: APIClient, session: Session
) -> None:
    path = f"/api/sessions/{session.pk}/reported-turns/"
    fits = 64 * 1024 - len(json.dumps({"turns": [ASKED | {"text": ""}]}))
    for too_many, status in ((1, 413), (0, 200)):
        sent = json.dumps({"turns": [ASKED | {"text": "x" * (fits + too_many)}]})
        assert as_owner.post(path, sent, content_type="application/json").status_code == status


def test_another_users_session_does_not_exist(as_owner: APIClient, stranger: User) -> None:
    assert refusal(report(as_owner, new_session(stranger).pk, ASKED)) == (404, "not_found")
    assert refusal(report(as_owner, uuid4(), ASKED)) == (404, "not_found")


def test_a_closed_session_takes_no_turn(as_owner: APIClient, session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(closed_at=timezone.now())
    assert refusal(report(as_owner, session.pk, ASKED)) == (409, "session_closed")


def test_nothing_is_taken_while_direct_sessions_are_off(
    as_owner: APIClient, session: Session, settings: Settings
) -> None:
    settings.DIRECT_SESSIONS = False
    assert refusal(report(as_owner, session.pk, ASKED)) == (403, "direct_off")


def test_a_user_without_the_permission_reports_nothing(
    as_stranger: APIClient, stranger: User
) -> None:
    own = new_session(stranger)
    assert refusal(report(as_stranger, own.pk, ASKED)) == (403, "direct_not_allowed")


def test_a_token_is_needed(as_nobody: APIClient, session: Session) -> None:
    assert refusal(report(as_nobody, session.pk, ASKED)) == (401, "not_authenticated")


def test_a_user_reports_some_times_a_minute(
    as_owner: APIClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReportedTurnsThrottle, "THROTTLE_RATES", {"reported_turns": "1/min"})
    assert report(as_owner, session.pk).json() == {"turns": []}
    assert refusal(report(as_owner, session.pk, ASKED)) == (429, "throttled")
