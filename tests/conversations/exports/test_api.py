"""The export over HTTP: formats, errors, and no access to other users' sessions."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from backend.conversations.exports.export_session import FORMATS
from backend.conversations.models import Session
from tests.cast import client_of
from tests.conversations.equipment import NOON, kept_turn, new_session

pytestmark = pytest.mark.django_db

CONTENT_TYPES = {
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}


@pytest.fixture
def session(owner: User) -> Session:
    session = new_session(owner, title="パンの話", created_at=NOON)
    kept_turn(session, text="パンをください。")
    return session


def get(client: APIClient, session_id: object, query: str = "", **headers: str) -> Any:
    return client.get(f"/api/sessions/{session_id}/export/{query}", headers=headers)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/vtt", "text/html"])
def test_each_format_is_an_attachment_whatever_is_accepted(
    as_owner: APIClient, session: Session, name: str, accept: str
) -> None:
    response = get(as_owner, session.pk, f"?format={name}", accept=accept)
    assert response.status_code == 200
    assert response["Content-Type"] == CONTENT_TYPES[name]
    assert response["Content-Disposition"].startswith(
        f"attachment; filename=\"kaiwa-2026-01-02.{name}\"; filename*=UTF-8''%E3%83%91"
    )
    assert "パンをください。" in response.getvalue().decode()


def test_the_default_is_json(as_owner: APIClient, session: Session) -> None:
    read = json.loads(get(as_owner, session.pk).getvalue())
    assert read["turns"][0]["text"] == "パンをください。"


@pytest.mark.parametrize("name", ["xml", "", "JSON", "api", "%00", "pdf&format=docx"])
def test_an_unknown_format_is_refused_with_the_choices(
    owner: User, session: Session, name: str
) -> None:
    for language, words in (("en", "Choose "), ("ja", "選んでください")):
        response = get(client_of(owner, language), session.pk, f"?format={name}")
        assert response.status_code == 400
        error = response.json()["error"]
        assert error["code"] == "unknown_format"
        assert words in error["message"]
        assert all(each in error["message"] for each in FORMATS)


def test_a_session_without_turns_has_nothing_to_export(
    as_owner: APIClient, session: Session
) -> None:
    session.turns.all().delete()
    for name in FORMATS:
        response = get(as_owner, session.pk, f"?format={name}")
        assert response.status_code == 409
        assert response.json()["error"]["code"] == "nothing_to_export"


def test_a_session_of_another_user_does_not_exist(
    as_stranger: APIClient, as_nobody: APIClient, as_owner: APIClient, session: Session
) -> None:
    for query in ("", "?format=vtt", "?format=xml"):
        assert get(as_stranger, session.pk, query).status_code == 404
        assert get(as_owner, uuid4(), query).status_code == 404
        assert get(as_nobody, session.pk, query).status_code == 401


def test_only_reading_is_allowed(as_owner: APIClient, session: Session) -> None:
    response = as_owner.post(f"/api/sessions/{session.pk}/export/", {}, format="json")
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"
