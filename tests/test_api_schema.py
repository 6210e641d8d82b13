"""The OpenAPI schema is valid, is the one in docs/, and is what the views really answer."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from backend.chat import dictation_api
from backend.conversations.exports.export_session import FORMATS
from backend.conversations.models import Call, Session, Turn
from backend.upstream.transcription import Transcribed
from tests.cast import PASSWORD, client_of
from tests.chat import clip_files
from tests.conversations.equipment import kept_turn, kept_usage, new_call, new_session

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    made: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


def _json_schema(part: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` as a type, and no field beyond those named."""
    if isinstance(part, list):
        return [_json_schema(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {name: _json_schema(value) for name, value in part.items() if name != "nullable"}
    if part.get("nullable"):
        found["type"] = [part["type"], "null"]
    if "properties" in part:
        found.setdefault("additionalProperties", False)
    return found


def _check(schema: dict[str, Any], path: str, response: Any) -> None:
    """Compare a real response with what the schema says of it."""
    method = response.request["REQUEST_METHOD"].lower()
    described = schema["paths"][path][method]["responses"][str(response.status_code)]
    if response.status_code == 204:
        assert "content" not in described
        return
    assert response["Content-Type"] == "application/json"
    content = _json_schema(described["content"]["application/json"]["schema"])
    components = {"schemas": _json_schema(schema["components"]["schemas"])}
    Draft202012Validator({**content, "components": components}).validate(response.json())


def test_the_schema_is_valid_and_every_path_of_the_api_is_in_it(schema: dict[str, Any]) -> None:
    validate_schema(schema)  # type: ignore[no-untyped-call]
    assert set(schema["paths"]) == {
        "/api/auth/login/",
        "/api/auth/logout/",
        "/api/auth/me/",
        "/api/auth/register/",
        "/api/config/",
        "/api/openai/realtime/session",
        "/api/realtime/calls/",
        "/api/realtime/calls/{call_id}/",
        "/api/realtime/tickets/",
        "/api/sessions/",
        "/api/sessions/{session_id}/",
        "/api/sessions/{session_id}/export/",
        "/api/sessions/{session_id}/reported-turns/",
        "/api/sessions/{session_id}/restore/",
        "/api/sessions/{session_id}/transcriptions/",
        "/api/sessions/{session_id}/messages/",
        "/api/sessions/{session_id}/messages/{message_id}/stop/",
        "/api/sessions/{session_id}/turns/",
        "/api/usage/",
        "/api/voices/{voice}/sample/",
    }


def test_the_schema_in_docs_is_the_one_that_is_served(schema: dict[str, Any]) -> None:
    served = OpenApiYamlRenderer().render(schema).decode()  # type: ignore[no-untyped-call]
    written = (ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8")
    assert written == served, "run `make schema`"


def test_everybody_may_read_the_schema_as_json_and_as_yaml(schema: dict[str, Any]) -> None:
    client = APIClient(HTTP_AUTHORIZATION="Token wrong")
    as_json = client.get("/api/schema/")
    assert as_json["Content-Type"] == "application/json"
    assert as_json.json() == schema
    as_yaml = client.get("/api/schema/?format=yaml")
    assert as_yaml["Content-Type"].startswith("application/yaml")
    assert as_yaml.content.startswith(b"openapi: 3.")


@pytest.mark.parametrize(
    ("method", "accept", "code"),
    [("POST", "*/*", "method_not_allowed"), ("GET", "text/html", "not_acceptable")],
)
def test_the_schemas_address_refuses_in_the_one_shape(method: str, accept: str, code: str) -> None:
    response = APIClient().generic(method, "/api/schema/", HTTP_ACCEPT=accept)
    assert response.json()["error"]["code"] == code


def test_logins_answer_as_described(schema: dict[str, Any], owner: User, settings: Any) -> None:
    settings.REGISTRATION_OPEN = True
    nobody, known = client_of(None), client_of(owner)
    new = {"username": "newcomer", "password": PASSWORD}
    for path, body in (
        ("/api/auth/register/", new),
        ("/api/auth/register/", new),
        ("/api/auth/login/", new),
        ("/api/auth/login/", new | {"password": "another password"}),
        ("/api/auth/login/", {}),
    ):
        _check(schema, path, nobody.post(path, body, format="json"))
    settings.REGISTRATION_OPEN = False
    _check(schema, "/api/auth/register/", nobody.post("/api/auth/register/", new, format="json"))
    for client in (known, nobody):
        _check(schema, "/api/auth/me/", client.get("/api/auth/me/"))
        _check(schema, "/api/usage/", client.get("/api/usage/?days=2"))
        _check(schema, "/api/config/", client.get("/api/config/"))
        _check(schema, "/api/auth/logout/", client.post("/api/auth/logout/"))


@pytest.mark.django_db
def test_the_demos_config_is_as_described(schema: dict[str, Any], settings: Any) -> None:
    settings.DEMO = True
    _check(schema, "/api/config/", client_of(None).get("/api/config/"))


def test_sessions_answer_as_described(
    schema: dict[str, Any], owner: User, as_owner: APIClient, as_nobody: APIClient
) -> None:
    session = Session.objects.create(user=owner, model="gpt-realtime", voice="marin")
    now = timezone.now()
    Call.objects.create(session=session, started_at=now, lease_until=now, first_position=0)
    Turn.objects.create(
        session=session,
        item_id="item_1",
        role="user",
        modality="text",
        position=1,
        status="completed",
    )
    Turn.objects.create(
        session=session, item_id="item_2", role="assistant", modality="voice", position=2,
        text="one two", heard_text="one", heard_ms=300, status="interrupted", started_at=now,
    )  # fmt: skip
    everything = "/api/sessions/"
    one, turns = "/api/sessions/{session_id}/", "/api/sessions/{session_id}/turns/"
    for client in (as_owner, as_nobody):
        _check(schema, everything, client.get(everything))
        _check(schema, everything, client.post(everything, {"voice": "cedar"}, format="json"))
        _check(schema, everything, client.post(everything, {"voice": "x"}, format="json"))
        for session_id in (session.id, uuid4()):
            path, listed = one.format(session_id=session_id), turns.format(session_id=session_id)
            _check(schema, one, client.get(path))
            _check(schema, one, client.patch(path, {"title": "Bread"}, format="json"))
            _check(schema, one, client.patch(path, {"titel": "Bread"}, format="json"))
            _check(schema, turns, client.get(listed))
    assert len(as_owner.get(turns.format(session_id=session.id)).json()["results"]) == 2
    _check(schema, everything, as_owner.get(everything + "?page=99"))
    path = one.format(session_id=session.id)
    _check(schema, one, as_owner.delete(path))
    _check(schema, one, as_owner.delete(path))
    restore = one + "restore/"
    for session_id in (session.id, uuid4()):
        for client in (as_owner, as_nobody):
            _check(schema, restore, client.post(restore.format(session_id=session_id)))


def test_exports_answer_as_described(
    schema: dict[str, Any], owner: User, as_owner: APIClient, as_nobody: APIClient
) -> None:
    session = new_session(owner, title="Bread")
    for call in (None, new_call(session)):
        kept_turn(session, call, item_id=str(call), heard_text="Hello", heard_ms=300)
        call_id = call.call_id if call else None
        kept_usage(session, str(call), "gpt-realtime", call_id=call_id, audio_out=1)
        kept_usage(session, f"{call} unpriced", "somebody-elses", call_id=call_id)
    path = "/api/sessions/{session_id}/export/"
    content = schema["paths"][path]["get"]["responses"]["200"]["content"]
    components = {"schemas": _json_schema(schema["components"]["schemas"])}
    described = _json_schema(content["application/json"]["schema"])
    exported = as_owner.get(path.format(session_id=session.id))
    read = json.loads(exported.getvalue())
    Draft202012Validator({**described, "components": components}).validate(read)
    assert (len(read["calls"]), len(read["turns"]), len(read["usage"])) == (1, 2, 4)
    sent = {
        as_owner.get(path.format(session_id=session.id) + f"?format={name}")["Content-Type"]
        for name in FORMATS
    }
    assert {each.partition(";")[0] for each in sent} == set(content)
    for client in (as_owner, as_nobody):
        _check(schema, path, client.get(path.format(session_id=session.id) + "?format=xml"))
        _check(schema, path, client.get(path.format(session_id=uuid4())))


def test_tickets_answer_as_described(
    schema: dict[str, Any], owner: User, as_owner: APIClient
) -> None:
    path = "/api/realtime/tickets/"
    session = Session.objects.create(user=owner)
    for session_id in (str(session.id), str(uuid4()), "nonsense"):
        _check(schema, path, as_owner.post(path, {"session_id": session_id}, format="json"))
    Session.objects.update(closed_at=timezone.now())
    response = as_owner.post(path, {"session_id": str(session.id)}, format="json")
    assert response.status_code == 409
    _check(schema, path, response)
    _check(schema, path, client_of(None).post(path, {}, format="json"))


def test_transcriptions_answer_as_described(
    schema: dict[str, Any], owner: User, as_owner: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def transcribed(*_: Any) -> Transcribed:
        return Transcribed("Hello.", {})

    monkeypatch.setattr(dictation_api, "_ask", transcribed)
    described = "/api/sessions/{session_id}/transcriptions/"
    path = f"/api/sessions/{Session.objects.create(user=owner).id}/transcriptions/"
    for clip in (clip_files.wav(1), b"nothing", clip_files.ogg_opus(400)):
        body, content_type = clip_files.multipart(clip)
        _check(schema, described, as_owner.post(path, body, content_type=content_type))
    for client in (as_owner, client_of(None)):
        _check(schema, described, client.post(path, {}, format="multipart"))
