"""A recorded clip over HTTP: its words, its cost, and every way in which it is refused."""

import logging
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import openai
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import OperationalError
from django.utils import timezone
from rest_framework.test import APIClient

from backend import configured_providers
from backend.chat import dictation_api
from backend.chat.clips import MAX_CLIP_BYTES
from backend.chat.dictation_api import MAX_BODY_BYTES, PATH
from backend.conversations.models import Session, Turn, Usage
from backend.spending.models import Budget
from backend.upstream import rest
from tests.azure import AZURE_KEY, configure_azure
from tests.chat import clip_files
from tests.conversations.equipment import new_session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


class FakeProvider:
    """Answers in place of the provider's REST API, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        usage = {"type": "duration", "seconds": 2.0}
        self.answer: httpx2.Response | Exception = httpx2.Response(
            200, json={"text": "Hello there.", "usage": usage}
        )

    def client(self, *of: Any, **more: Any) -> openai.AsyncOpenAI:
        more["transport"] = httpx2.MockTransport(self._handle)
        return rest.rest_client(*of, **more)

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch, settings: Any) -> FakeProvider:
    settings.OPENAI_API_KEY = "sk-test-0123456789abcdef"
    made = FakeProvider()
    monkeypatch.setattr(configured_providers, "rest_client", made.client)
    return made


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


def send(client: APIClient, session_id: object, content: bytes, **more: Any) -> Any:
    body, content_type = clip_files.multipart(content, **more)
    path = f"/api/sessions/{session_id}/transcriptions/"
    return client.post(path, body, content_type=content_type)


def refusal(response: Any) -> tuple[int, str]:
    error = response.json()["error"]
    assert error["message"]
    return response.status_code, error["code"]


@pytest.mark.parametrize("name", clip_files.MADE)
def test_the_words_of_a_clip_are_returned(
    as_owner: APIClient, session: Session, provider: FakeProvider, name: str
) -> None:
    clip = clip_files.MADE[name](2)
    response = send(as_owner, session.id, clip, file_name="../../clip.exe")
    assert (response.status_code, response.json()) == (200, {"text": "Hello there."})
    (request,) = provider.requests
    assert f'filename="clip.{name}"'.encode() in request.content
    assert clip in request.content
    assert b"gpt-transcribe" in request.content
    assert not Turn.objects.exists()


def test_the_provider_of_the_session_transcribes(
    as_owner: APIClient, session: Session, provider: FakeProvider, settings: Any
) -> None:
    configure_azure(settings)
    Session.objects.update(provider="azure")
    assert send(as_owner, session.id, clip_files.wav(2)).status_code == 200
    (request,) = provider.requests
    assert str(request.url) == "https://azure.test/openai/v1/audio/transcriptions"
    assert request.headers["api-key"] == AZURE_KEY
    assert b"words-eu" in request.content
    stored = Usage.objects.get()
    assert (stored.model, str(stored.cost_usd)) == ("words-eu", "0.0001500000")


def test_a_clip_is_paid_for_without_a_call(as_owner: APIClient, session: Session) -> None:
    for _ in range(2):
        send(as_owner, session.id, clip_files.wav(2))
    first, second = Usage.objects.all()
    assert first.source_id != second.source_id
    assert (first.session, first.call, first.kind) == (session, None, "transcription")
    assert (first.model, first.seconds, str(first.cost_usd)) == (
        "gpt-transcribe", 2.0, "0.0001500000",
    )  # fmt: skip


def test_a_clip_without_words_is_refused_and_paid_for(
    as_owner: APIClient, session: Session, provider: FakeProvider
) -> None:
    usage = {"type": "tokens", "input_tokens": 9, "output_tokens": 1, "total_tokens": 10}
    provider.answer = httpx2.Response(200, json={"text": "  ", "usage": usage})
    assert refusal(send(as_owner, session.id, clip_files.wav(2))) == (422, "no_speech")
    assert Usage.objects.get().text_in == 9


def test_a_clip_without_a_bill_is_estimated_by_its_duration(
    as_owner: APIClient, session: Session, provider: FakeProvider
) -> None:
    provider.answer = httpx2.Response(200, json={"text": "Hello."})
    assert send(as_owner, session.id, clip_files.wav(2)).status_code == 200
    stored = Usage.objects.get()
    assert (stored.seconds, stored.is_estimated, stored.user_id) == (2.0, True, session.user_id)


def test_words_are_returned_even_if_their_cost_cannot_be_stored(
    as_owner: APIClient,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(_: object) -> None:
        raise OperationalError("secret")

    monkeypatch.setattr(dictation_api, "write", fails)
    with caplog.at_level(logging.ERROR):
        assert send(as_owner, session.id, clip_files.wav(2)).status_code == 200
    assert caplog.messages == ["transcription.usage_lost"]


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"\x89PNG\r\n\x1a\n" + bytes(99), b"<html>", bytes(999)], ids=repr
)
def test_what_is_no_audio_is_refused_without_asking_the_provider(
    as_owner: APIClient, session: Session, provider: FakeProvider, content: bytes
) -> None:
    assert refusal(send(as_owner, session.id, content)) == (400, "audio_invalid")
    assert provider.requests == []


def test_json_is_no_audio(as_owner: APIClient, session: Session) -> None:
    path = f"/api/sessions/{session.id}/transcriptions/"
    response = as_owner.post(path, {"file": "clip.wav"}, format="json")
    assert refusal(response) == (400, "audio_invalid")


@pytest.mark.parametrize("name", ["", "audio", "files"])
def test_a_body_without_the_file_names_the_field(
    as_owner: APIClient, session: Session, name: str
) -> None:
    response = send(as_owner, session.id, clip_files.wav(1), name=name or "x")
    assert refusal(response) == (400, "invalid")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=\x7f"),
        (b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" * 1500 + b"--b--",
         "multipart/form-data; boundary=b"),
        (b"--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\n1\r\n" * 150
         + b"--b--", "multipart/form-data; boundary=b"),
    ],
    ids=["no boundary", "wrong boundary", "many fields", "many files"],
)  # fmt: skip
def test_a_body_that_cannot_be_parsed_is_malformed(
    as_owner: APIClient, session: Session, body: bytes, content_type: str
) -> None:
    path = f"/api/sessions/{session.id}/transcriptions/"
    response = as_owner.post(path, body, content_type=content_type)
    assert refusal(response) == (400, "malformed")


def test_a_clip_over_five_minutes_is_too_long(as_owner: APIClient, session: Session) -> None:
    response = send(as_owner, session.id, clip_files.ogg_opus(303))
    assert refusal(response) == (400, "audio_too_long")
    assert send(as_owner, session.id, clip_files.ogg_opus(300)).status_code == 200


def test_a_clip_over_the_bound_is_too_large(
    as_owner: APIClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_CLIP_BYTES == 26_214_400
    fits = clip_files.mp4(1)
    monkeypatch.setattr(dictation_api, "MAX_CLIP_BYTES", len(fits))
    assert send(as_owner, session.id, fits).status_code == 200
    assert refusal(send(as_owner, session.id, fits + b"x")) == (413, "too_large")


def test_a_body_that_claims_to_be_too_large_is_not_parsed(
    as_owner: APIClient, session: Session
) -> None:
    body, content_type = clip_files.multipart(b"")
    response = as_owner.post(
        f"/api/sessions/{session.id}/transcriptions/",
        body,
        content_type=content_type,
        headers={"Content-Length": str(MAX_BODY_BYTES + 1)},
    )
    assert refusal(response) == (413, "too_large")


def test_the_clip_is_on_disk_and_gone_afterwards(
    as_owner: APIClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = []
    checked = dictation_api._checked

    def seen(upload: Any) -> Any:
        assert isinstance(upload, TemporaryUploadedFile)
        paths.append(Path(upload.temporary_file_path()))
        assert paths[0].exists()
        return checked(upload)

    monkeypatch.setattr(dictation_api, "_checked", seen)
    assert send(as_owner, session.id, clip_files.wav(1)).status_code == 200
    assert len(paths) == 1
    assert not paths[0].exists()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx2.Response(400, json={"error": {"param": "file"}}), (400, "audio_invalid")),
        (httpx2.Response(404, json={"error": {"code": "model_not_found"}}),
         (502, "transcription_model_unknown")),
        (httpx2.Response(401, json={}), (502, "transcription_refused")),
        (httpx2.Response(429, json={}), (503, "transcription_unavailable")),
        (httpx2.Response(500, json={}), (503, "transcription_unavailable")),
        (httpx2.ReadTimeout("secret"), (504, "transcription_timeout")),
        (httpx2.RemoteProtocolError("secret"), (502, "transcription_failed")),
        (httpx2.Response(200, text="secret"), (502, "transcription_failed")),
    ],
)  # fmt: skip
def test_what_the_provider_does_wrong_has_a_code(
    as_owner: APIClient,
    session: Session,
    provider: FakeProvider,
    answer: Any,
    expected: tuple[int, str],
) -> None:
    provider.answer = answer
    response = send(as_owner, session.id, clip_files.wav(1))
    assert refusal(response) == expected
    assert "secret" not in response.content.decode()
    assert not Usage.objects.exists()


def test_a_server_without_a_key_says_that_the_provider_refused(
    as_owner: APIClient, session: Session, settings: Any
) -> None:
    settings.OPENAI_API_KEY = ""
    assert refusal(send(as_owner, session.id, clip_files.wav(1))) == (502, "transcription_refused")


def test_nobody_elses_session_takes_a_clip(
    as_stranger: APIClient, as_nobody: APIClient, session: Session, provider: FakeProvider
) -> None:
    clip = clip_files.wav(1)
    assert refusal(send(as_stranger, session.id, clip)) == (404, "not_found")
    assert refusal(send(as_stranger, uuid4(), clip)) == (404, "not_found")
    assert refusal(send(as_nobody, session.id, clip)) == (401, "not_authenticated")
    assert provider.requests == []


def test_a_closed_session_takes_no_clip(as_owner: APIClient, session: Session) -> None:
    Session.objects.update(closed_at=timezone.now())
    assert refusal(send(as_owner, session.id, clip_files.wav(1))) == (409, "session_closed")


def test_one_user_may_send_so_many_clips_a_minute(
    as_owner: APIClient, as_stranger: APIClient, session: Session
) -> None:
    answers = [send(as_owner, session.id, b"").status_code for _ in range(21)]
    assert answers == [400] * 20 + [429]
    assert send(as_stranger, session.id, b"").status_code == 404


def test_the_path_with_the_larger_bound_is_that_of_the_view(session: Session) -> None:
    assert PATH.fullmatch(f"/api/sessions/{session.id}/transcriptions/")
    assert not PATH.fullmatch(f"/api/sessions/{session.id}/turns/")
    assert not PATH.fullmatch(f"/api/sessions/{session.id}/transcriptions/more/")


def test_a_clip_is_reserved_before_it_is_sent_and_settled_after(
    as_owner: APIClient, owner: User, session: Session, provider: FakeProvider
) -> None:
    Budget.objects.create(scope="user", user=owner, minutes_per_day=1, usd_per_month=1)
    assert send(as_owner, session.id, clip_files.wav(2)).status_code == 200
    row = Usage.objects.get()
    assert (row.is_estimated, row.seconds) == (False, 2.0)
    provider.answer = httpx2.Response(500)
    assert refusal(send(as_owner, session.id, clip_files.wav(2)))[0] == 503
    assert Usage.objects.get() == row
    # The provider does not say what it used: the estimate stays.
    provider.answer = httpx2.Response(200, json={"text": "Hello."})
    assert send(as_owner, session.id, clip_files.wav(3)).status_code == 200
    assert Usage.objects.get(is_estimated=True).seconds == 3


def test_a_clip_that_states_less_than_nothing_gives_nothing_back_to_the_budget(
    as_owner: APIClient,
    owner: User,
    session: Session,
    provider: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Budget.objects.create(scope="user", user=owner, minutes_per_day=9, usd_per_month=1)
    reserved: list[object] = []
    transcribe = dictation_api._transcribe

    def watched(*given: Any) -> Any:
        reserved.extend(Usage.objects.values_list("seconds", "cost_usd"))
        return transcribe(*given)

    monkeypatch.setattr(dictation_api, "_transcribe", watched)
    clip = clip_files.webm(-1e6, has_duration=True)
    assert send(as_owner, session.id, clip).status_code == 200
    assert reserved == [(300.0, Decimal("0.0225"))]


def test_the_minutes_of_a_clip_count_also_where_its_model_is_sold_by_tokens(
    as_owner: APIClient, owner: User, session: Session, provider: FakeProvider, settings: Any
) -> None:
    settings.TRANSCRIPTION_MODEL = "gpt-4o-mini-transcribe"
    Budget.objects.create(scope="user", user=owner, minutes_per_day=4)
    usage = {
        "type": "tokens", "input_tokens": 2400, "output_tokens": 9, "total_tokens": 2409,
        "input_token_details": {"audio_tokens": 2400, "text_tokens": 0},
    }  # fmt: skip
    provider.answer = httpx2.Response(200, json={"text": "Hello.", "usage": usage})
    assert send(as_owner, session.id, clip_files.wav(240)).status_code == 200
    assert refusal(send(as_owner, session.id, clip_files.wav(2))) == (429, "budget_spent")


def test_a_clip_over_a_budget_is_refused_and_not_sent(
    as_owner: APIClient, owner: User, session: Session, provider: FakeProvider, settings: Any
) -> None:
    budget = Budget.objects.create(scope="user", user=owner, minutes_per_day=0)
    response = send(as_owner, session.id, clip_files.wav(2))
    assert refusal(response) == (429, "budget_spent")
    assert "Retry-After" not in response
    Budget.objects.filter(pk=budget.pk).update(minutes_per_day=None, usd_per_month=0)
    assert refusal(send(as_owner, session.id, clip_files.wav(2))) == (402, "budget_spent")
    settings.TRANSCRIPTION_MODEL = "mine"
    assert refusal(send(as_owner, session.id, clip_files.wav(2))) == (403, "price_unknown")
    assert provider.requests == []
    assert not Usage.objects.exists()
