"""A sample of a voice over HTTP: made once, kept, and every way in which it is refused."""

import io
import logging
import wave
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError
from rest_framework.test import APIClient

from backend.chat import voice_samples_api
from backend.conversations.models import Usage as UsageRow
from backend.protocol.errors import UpstreamUnavailable
from backend.protocol.usage import Usage
from backend.upstream.providers.interface import Provider
from backend.upstream.target import Target
from backend.upstream.voice_sample import Sample
from tests.cast import client_of

pytestmark = pytest.mark.django_db


class FakeSpeaker:
    """In place of `speak_sample`: keeps the voice and the instructions of each request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.error: Exception | None = None

    async def __call__(
        self, provider: Provider, target: Target, session: dict[str, Any], instructions: str
    ) -> Sample:
        self.asked.append((session["audio"]["output"]["voice"], instructions))
        if self.error:
            raise self.error
        used = Usage(f"resp_{len(self.asked)}", "response", audio_out=60)
        return Sample(b"\1\0" * provider.audio_rate_hz, used)


@pytest.fixture(autouse=True)
def speaker(monkeypatch: pytest.MonkeyPatch) -> FakeSpeaker:
    cache.clear()
    made = FakeSpeaker()
    monkeypatch.setattr(voice_samples_api, "speak_sample", made)
    return made


@pytest.fixture
def as_owner(owner: User) -> APIClient:
    return client_of(owner)


def get(client: APIClient, voice: str, query: str = "?language=en") -> Any:
    return client.get(f"/api/voices/{voice}/sample/{query}")


def test_a_sample_is_a_wav_file_that_is_made_once_for_everyone(
    as_owner: APIClient, stranger: User, speaker: FakeSpeaker
) -> None:
    for client in (as_owner, client_of(stranger)):
        response = get(client, "cedar")
        assert (response.status_code, response["Content-Type"]) == (200, "audio/wav")
        with wave.open(io.BytesIO(response.content)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (
                24_000, 1, 24_000,
            )  # fmt: skip
    assert [voice for voice, _ in speaker.asked] == ["cedar"]
    row = UsageRow.objects.get()
    assert (row.user, row.session, row.audio_out) == (None, None, 60)
    assert row.cost_usd == Decimal("0.00384")


def test_each_voice_and_language_has_its_own(as_owner: APIClient, speaker: FakeSpeaker) -> None:
    get(as_owner, "cedar")
    get(as_owner, "cedar", "?language=ja")
    get(as_owner, "marin")
    assert [voice for voice, _ in speaker.asked] == ["cedar", "cedar", "marin"]
    assert len({instructions for _, instructions in speaker.asked}) == 2


def test_the_default_voice_is_that_of_the_settings(
    as_owner: APIClient, speaker: FakeSpeaker, settings: Any
) -> None:
    settings.REALTIME_VOICE = "sage"
    assert get(as_owner, "default").status_code == 200
    get(as_owner, "sage")
    assert [voice for voice, _ in speaker.asked] == ["sage"]


def test_a_sample_that_failed_is_not_kept(
    as_owner: APIClient, speaker: FakeSpeaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    speaker.error = UpstreamUnavailable("unreachable")
    response = get(as_owner, "cedar")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "voice_sample_failed")
    assert "voice_sample.failed" in caplog.text
    speaker.error = None
    assert get(as_owner, "cedar").status_code == 200


def test_a_sample_that_cannot_be_counted_is_kept_and_logged(
    as_owner: APIClient,
    speaker: FakeSpeaker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(voice_samples_api, "write_unowned", away)
    for _ in range(2):
        assert get(as_owner, "cedar").status_code == 200
    assert len(speaker.asked) == 1
    (line,) = [each for each in caplog.records if each.message == "voice_sample.uncounted"]
    assert line.levelno == logging.ERROR


@pytest.mark.parametrize(
    ("voice", "query", "status"),
    [
        ("nobody", "?language=en", 404),
        ("cedar", "", 400),
        ("cedar", "?language=fr", 400),
        ("cedar", "?language=en&speed=2", 400),
    ],
)
def test_what_is_unknown_is_refused(
    as_owner: APIClient, speaker: FakeSpeaker, voice: str, query: str, status: int
) -> None:
    assert get(as_owner, voice, query).status_code == status
    assert speaker.asked == []


def test_a_stranger_without_a_login_gets_none(as_nobody: APIClient, speaker: FakeSpeaker) -> None:
    assert get(as_nobody, "cedar").status_code == 401
    assert speaker.asked == []


def test_one_user_gets_ten_a_minute(as_owner: APIClient) -> None:
    statuses = [get(as_owner, "cedar").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
