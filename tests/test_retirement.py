"""Which configured models retire soon, and the one warning when a successor is used."""

import logging
from dataclasses import dataclass
from datetime import date

import pytest

from backend import retirement
from backend.retirement import Retiring, model_in_use, retiring

END = date(2027, 1, 20)


@dataclass
class Given:
    """The settings."""

    DEMO: bool = False
    REALTIME_PROVIDER: str = "openai"
    OPENAI_API_KEY: str = ""
    REALTIME_MODEL: str = "gpt-realtime"
    TRANSCRIPTION_MODEL: str = "gpt-transcribe"
    CHAT_MODEL: str = "gpt-5.6-luna"


@pytest.mark.parametrize(
    ("today", "is_named", "is_over"),
    [
        (date(2026, 10, 21), False, False),
        (date(2026, 10, 22), True, False),
        (date(2027, 1, 19), True, False),
        (END, True, True),
        (date(2030, 1, 1), True, True),
    ],
    ids=str,
)
def test_a_model_is_named_from_ninety_days_before_its_end(
    today: date, is_named: bool, is_over: bool
) -> None:
    found = retiring(Given(), today)
    assert found == (
        [Retiring("REALTIME_MODEL", "gpt-realtime", END, "gpt-realtime-2.1")] if is_named else []
    )
    assert [each.is_over(today) for each in found] == [is_over] * is_named


def test_every_kind_of_model_is_looked_at() -> None:
    given = Given(REALTIME_MODEL="gpt-realtime-mini", TRANSCRIPTION_MODEL="whisper-1")
    settings = [each.setting for each in retiring(given, END)]
    assert settings == ["REALTIME_MODEL", "TRANSCRIPTION_MODEL"]


def test_in_a_demo_no_model_retires() -> None:
    assert retiring(Given(DEMO=True), END) == []


def test_where_only_another_provider_answers_no_model_retires() -> None:
    assert retiring(Given(REALTIME_PROVIDER="azure"), END) == []
    assert retiring(Given(REALTIME_PROVIDER="azure", OPENAI_API_KEY="sk-1"), END) != []


def test_the_successor_is_used_from_the_day_on_and_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retirement, "_logged", set())
    caplog.set_level(logging.WARNING)
    assert model_in_use("gpt-realtime", date(2027, 1, 19)) == "gpt-realtime"
    assert caplog.messages == []
    assert [model_in_use("gpt-realtime", END) for _ in range(3)] == ["gpt-realtime-2.1"] * 3
    assert model_in_use("whisper-1", date(2027, 3, 1)) == "gpt-transcribe"
    assert caplog.messages == ["model.succeeded"] * 2
    first = caplog.records[0].__dict__["fields"]
    assert first == {"model": "gpt-realtime-2.1", "where": "gpt-realtime"}
