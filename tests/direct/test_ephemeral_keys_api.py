"""`POST /api/openai/realtime/session`: the key, and each refusal with its status and body."""

import asyncio
import functools
import logging
import socket
import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from asgiref.sync import ThreadSensitiveContext
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import AsyncClient
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from backend import configured_providers
from backend.accounts.safety_identifier import safety_identifier
from backend.accounts.tokens import key_for
from backend.direct import ephemeral_keys_api
from backend.direct.ephemeral_keys_api import EphemeralKeyThrottle
from backend.direct.models import EphemeralKey
from backend.spending.models import Budget
from backend.upstream.client_secrets import make_client_secret
from backend.upstream.rest import rest_client
from backend.wording import sentence
from tests.azure import AZURE_KEY, configure_azure
from tests.cast import client_of
from tests.direct.equipment import EXPIRES_AT, SECRET, FakeProvider, allow_direct_sessions

pytestmark = pytest.mark.django_db

PATH = "/api/openai/realtime/session"
PROVIDER_TEXT = "a secret of the provider"


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch, settings: Settings, owner: User) -> FakeProvider:
    """A provider, direct sessions that are on, and an owner who may use them."""
    settings.OPENAI_API_KEY = "sk-test-0123456789abcdef"
    settings.DIRECT_SESSIONS = True
    allow_direct_sessions(owner)
    made = FakeProvider()
    monkeypatch.setattr(configured_providers, "rest_client", made.client)
    return made


def ask(client: APIClient, body: object = None, **more: Any) -> Any:
    if body is None:
        return client.post(PATH, **more)
    return client.post(PATH, body, format="json", **more)


def refusal(response: Any) -> tuple[int, str]:
    """The status and the sentence of an error, whose body has this shape and no other."""
    body = response.json()
    assert body == {"success": False, "error": body["error"]}
    assert body["error"]
    assert not EphemeralKey.objects.exists()
    return response.status_code, body["error"]


def refused(status: int, code: str) -> tuple[int, str]:
    return status, sentence(code, "en")


def provider_error(status: int, code: str | None = None) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"code": code, "message": PROVIDER_TEXT}})


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
def test_a_key_is_made_and_recorded(
    as_owner: APIClient, owner: User, provider: FakeProvider, path: str
) -> None:
    response = as_owner.post(path)
    assert (response.status_code, response.json()) == (
        200,
        {"success": True, "token": SECRET, "expireTime": "2026-02-02T12:00:00Z"},
    )
    assert response["Cache-Control"] == "no-store"
    key = EphemeralKey.objects.get()
    assert (key.user, key.provider, key.model, key.voice, key.expires_at) == (
        owner, "openai", "gpt-realtime", "verse", EXPIRES_AT,
    )  # fmt: skip
    assert abs(key.created_at - timezone.now()) < timedelta(minutes=1)
    (request,) = provider.requests
    assert request.url.path == "/v1/realtime/client_secrets"
    assert request.headers["OpenAI-Safety-Identifier"] == safety_identifier(owner.pk)
    assert request.headers["Authorization"] == "Bearer sk-test-0123456789abcdef"


def test_model_voice_and_lifetime_reach_the_provider(
    as_owner: APIClient, provider: FakeProvider, settings: Settings
) -> None:
    settings.DIRECT_KEY_SECONDS = 7200
    given = {"model": "gpt-realtime-2.1-mini", "voice": "cedar"}
    assert ask(as_owner, given).status_code == 200
    wanted = provider.wanted
    assert wanted["expires_after"] == {"anchor": "created_at", "seconds": 7200}
    assert wanted["session"]["model"] == "gpt-realtime-2.1-mini"
    assert wanted["session"]["audio"]["output"]["voice"] == "cedar"
    key = EphemeralKey.objects.get()
    assert {"model": key.model, "voice": key.voice} == given


def test_a_key_of_the_chosen_provider(
    as_owner: APIClient, provider: FakeProvider, settings: Settings
) -> None:
    configure_azure(settings)
    response = ask(as_owner, {"provider": "azure", "model": "mini-eu"})
    assert (response.status_code, set(response.json())) == (200, {"success", "token", "expireTime"})
    (request,) = provider.requests
    assert str(request.url) == "https://azure.test/openai/v1/realtime/client_secrets"
    assert request.headers["api-key"] == AZURE_KEY
    assert "Authorization" not in request.headers
    session = provider.wanted["session"]
    assert session["model"] == "mini-eu"
    assert session["audio"]["input"]["transcription"]["model"] == "words-eu"
    key = EphemeralKey.objects.get()
    assert (key.provider, key.model) == ("azure", "mini-eu")


def test_the_default_model_is_that_of_the_chosen_provider(
    as_owner: APIClient, provider: FakeProvider, settings: Settings
) -> None:
    configure_azure(settings)
    assert ask(as_owner, {"provider": "azure"}).status_code == 200
    assert provider.wanted["session"]["model"] == "voice-eu"


def test_a_model_of_another_provider_is_refused(
    as_owner: APIClient, provider: FakeProvider, settings: Settings
) -> None:
    configure_azure(settings)
    for body in ({"provider": "azure", "model": "gpt-realtime-2.1"}, {"model": "voice-eu"}):
        error = "model: There is no such model. See GET /api/config/."
        assert refusal(ask(as_owner, body)) == (400, error)
    assert not provider.requests


def test_the_instructions_are_in_the_users_language(owner: User, provider: FakeProvider) -> None:
    ask(client_of(owner, "ja"))
    assert "日本語" in provider.wanted["session"]["instructions"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"model": "gpt-9"}, "model: There is no such model. See GET /api/config/."),
        ({"voice": "bob"}, "voice: There is no such voice. See GET /api/config/."),
        ({"voice": None}, "voice: This field may not be null."),
        ({"provider": "nobody"}, "provider: There is no such provider here. See GET /api/config/."),
        ({"provider": "azure"}, "provider: There is no such provider here. See GET /api/config/."),
        ({"provider": ""}, "provider: This field may not be blank."),
        ({"Model": "gpt-realtime"}, "Model: There is no such field."),
        ([], "Invalid data. Expected a dictionary, but got list."),
    ],
)
def test_a_wrong_body_is_refused_by_a_sentence(
    as_owner: APIClient, provider: FakeProvider, body: object, error: str
) -> None:
    assert refusal(ask(as_owner, body)) == (400, error)
    assert not provider.requests


def test_a_body_that_is_not_json_is_refused(as_owner: APIClient) -> None:
    response = as_owner.post(PATH, "{", content_type="application/json")
    assert refusal(response) == refused(400, "malformed")


def test_a_body_of_another_type_is_refused(as_owner: APIClient) -> None:
    response = as_owner.post(PATH, "model=x", content_type="application/x-www-form-urlencoded")
    assert refusal(response) == refused(415, "unsupported_media_type")


def test_a_large_body_is_refused(as_owner: APIClient) -> None:
    assert refusal(ask(as_owner, {"model": "x" * 70_000})) == refused(413, "too_large")


def test_another_method_is_refused(as_owner: APIClient) -> None:
    assert refusal(as_owner.get(PATH)) == refused(405, "method_not_allowed")


def test_an_answer_that_is_not_json_is_refused(as_owner: APIClient) -> None:
    response = ask(as_owner, HTTP_ACCEPT="text/html")
    assert refusal(response) == refused(406, "not_acceptable")


def test_a_fault_of_ours_has_the_same_shape(
    as_owner: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ephemeral_keys_api, "check_key", lambda *_: 1 / 0)
    assert refusal(ask(as_owner)) == refused(500, "internal")


def test_without_a_token_nobody_gets_a_key(as_nobody: APIClient) -> None:
    response = ask(as_nobody)
    assert refusal(response) == refused(401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Token"


def test_a_wrong_token_gets_no_key(as_nobody: APIClient) -> None:
    response = ask(as_nobody, HTTP_AUTHORIZATION=f"Token {'0' * 40}")
    assert refusal(response) == refused(401, "token_invalid")


def test_direct_sessions_can_be_off(as_owner: APIClient, settings: Settings) -> None:
    settings.DIRECT_SESSIONS = False
    status, error = refusal(ask(as_owner))
    assert (status, error) == refused(403, "direct_off")
    assert "DIRECT_SESSIONS=on" in error


def test_a_user_without_the_permission_gets_no_key(as_stranger: APIClient) -> None:
    assert refusal(ask(as_stranger)) == refused(403, "direct_not_allowed")


def test_a_user_gets_some_keys_a_minute(
    as_owner: APIClient, stranger: User, as_stranger: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EphemeralKeyThrottle, "THROTTLE_RATES", {"ephemeral_key": "2/min"})
    allow_direct_sessions(stranger)
    assert [ask(as_owner).status_code for _ in range(2)] == [200, 200]
    EphemeralKey.objects.all().delete()
    response = ask(as_owner)
    assert refusal(response) == refused(429, "throttled")
    assert 0 < int(response["Retry-After"]) <= 60
    assert ask(as_stranger).status_code == 200


def test_a_user_whose_budget_is_used_up_gets_no_key(
    as_owner: APIClient, owner: User, provider: FakeProvider
) -> None:
    Budget.objects.create(scope="user", user=owner, usd_per_month=Decimal(0))
    status, error = refusal(ask(as_owner))
    assert (status, error) == refused(429, "budget_spent")
    assert not provider.requests


def test_a_user_who_may_make_no_call_gets_no_key(as_owner: APIClient, owner: User) -> None:
    Budget.objects.create(scope="user", user=owner, calls_at_once=0)
    assert refusal(ask(as_owner)) == refused(403, "calls_not_allowed")


def test_without_a_key_of_the_providers_there_is_none(
    as_owner: APIClient, settings: Settings
) -> None:
    settings.OPENAI_API_KEY = ""
    assert refusal(ask(as_owner)) == refused(503, "api_key_missing")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (provider_error(401, "invalid_api_key"), "direct_key_refused"),
        (provider_error(400, "model_not_found"), "direct_key_refused"),
        (provider_error(429, "insufficient_quota"), "direct_key_refused"),
        (provider_error(500), "direct_key_unavailable"),
        (provider_error(503), "direct_key_unavailable"),
        (httpx2.ConnectError(PROVIDER_TEXT), "direct_key_unavailable"),
        (httpx2.ConnectTimeout(PROVIDER_TEXT), "direct_key_unavailable"),
        (httpx2.ReadTimeout(PROVIDER_TEXT), "direct_key_unavailable"),
        (httpx2.Response(200, text=PROVIDER_TEXT), "direct_key_failed"),
        (httpx2.Response(200, json={"value": "", "expires_at": 1}), "direct_key_failed"),
    ],
)
def test_a_provider_that_gives_no_key_is_500_without_its_text(
    as_owner: APIClient,
    provider: FakeProvider,
    caplog: pytest.LogCaptureFixture,
    answer: httpx2.Response | Exception,
    code: str,
) -> None:
    provider.answer = answer
    with caplog.at_level(logging.DEBUG):
        assert refusal(ask(as_owner)) == refused(500, code)
    assert len(provider.requests) == 1
    assert "ephemeral_key.failed" in caplog.messages
    assert PROVIDER_TEXT not in caplog.text


def test_a_key_whose_row_cannot_be_stored_is_not_given(
    as_owner: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: object) -> None:
        raise OperationalError("secret")

    monkeypatch.setattr(EphemeralKey.objects, "create", fails)
    response = ask(as_owner)
    assert refusal(response) == refused(503, "unavailable")
    assert SECRET not in response.content.decode()


def test_the_log_has_the_user_and_not_the_key(
    as_owner: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ask(as_owner)
    assert "ephemeral_key.made" in caplog.messages
    assert SECRET not in caplog.text


def test_errors_are_in_the_users_language(stranger: User) -> None:
    response = ask(client_of(stranger, "ja"))
    assert response.json()["error"] == sentence("direct_not_allowed", "ja")


@pytest.mark.django_db(transaction=True)
async def test_a_name_that_is_looked_up_for_long_holds_no_request(
    owner: User, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.OPENAI_BASE_URL = "https://slow-name.test/v1"
    may_find = threading.Event()
    found: list[bool] = []

    def look_up(*_: Any, **__: Any) -> Any:
        found.append(may_find.wait(10))
        raise socket.gaierror(socket.EAI_AGAIN, "away")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(configured_providers, "rest_client", rest_client)
    impatient = functools.partial(make_client_secret, within_s=0.01)
    monkeypatch.setattr(ephemeral_keys_api, "make_client_secret", impatient)
    token = await asyncio.to_thread(key_for, owner)
    async with ThreadSensitiveContext():
        response = await AsyncClient().post(
            PATH, {}, "application/json", headers={"Authorization": f"Token {token}"}
        )
    assert (response.status_code, found) == (500, [])
    may_find.set()
