"""Every wrong or risky setting gives a check message with an id and a hint."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Error, run_checks

from backend.health.system_checks import check_static_files, problems


@dataclass
class Given:
    """Valid settings."""

    DEBUG: bool = False
    DEMO: bool = False
    SECRET_KEY: str = "s" * 50
    HOST: str = "127.0.0.1"
    SERVER: str = "uvicorn"
    WORKERS: int = 1
    OPENAI_API_KEY: str = "a key"
    OPENAI_BASE_URL: str = "https://api.openai.com/v1"
    REALTIME_MODEL: str = "gpt-realtime"
    TRANSCRIPTION_MODEL: str = "gpt-transcribe"
    CHAT_MODEL: str = "gpt-5.6-luna"
    REALTIME_PROVIDER: str = "openai"
    UPSTREAM_PROXY: str = ""
    AZURE_OPENAI_API_KEY: str = ""
    AZURE_OPENAI_BASE_URL: str = ""
    AZURE_REALTIME_MODEL: str = "gpt-realtime"
    AZURE_TRANSCRIPTION_MODEL: str = "gpt-transcribe"
    AZURE_CHAT_MODEL: str = "gpt-5.6-luna"
    AZURE_DEPLOYMENTS: dict[str, str] = field(default_factory=dict)
    REALTIME_VOICE: str = "marin"
    REGISTRATION_OPEN: bool = False
    DIRECT_SESSIONS: bool = False
    HISTORY_TOKENS: int = 12_000
    BUDGET_USD_PER_MONTH: Decimal = Decimal(0)
    ALLOWED_HOSTS: list[str] = field(default_factory=lambda: ["voice.example.com"])


EARLY = date(2026, 10, 1)


AZURE = {"AZURE_OPENAI_API_KEY": "another", "AZURE_OPENAI_BASE_URL": "https://x.example/openai/v1"}
ONLY_AZURE = {**AZURE, "REALTIME_PROVIDER": "azure", "OPENAI_API_KEY": ""}


def ids(today: date = EARLY, **changes: Any) -> list[str]:
    return [str(message.id) for message in problems(replace(Given(), **changes), today)]


def test_valid_settings_have_no_problems() -> None:
    assert ids() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"OPENAI_API_KEY": ""}, "kaiwa.E001"),
        ({"OPENAI_API_KEY": "", "DEBUG": True}, "kaiwa.W001"),
        ({"REALTIME_VOICE": "nobody"}, "kaiwa.E002"),
        ({"OPENAI_BASE_URL": "http://proxy.example/v1"}, "kaiwa.E003"),
        ({"SECRET_KEY": "s" * 31}, "kaiwa.E004"),
        ({"HOST": "0.0.0.0", "DEBUG": True}, "kaiwa.E005"),
        ({"SERVER": "daphne", "WORKERS": 2}, "kaiwa.E006"),
        ({"REALTIME_MODEL": "somebody-elses"}, "kaiwa.W002"),
        ({"TRANSCRIPTION_MODEL": "somebody-elses"}, "kaiwa.W002"),
        ({"CHAT_MODEL": "somebody-elses"}, "kaiwa.W002"),
        ({"REGISTRATION_OPEN": True}, "kaiwa.W004"),
        ({"DIRECT_SESSIONS": True}, "kaiwa.W009"),
        ({"DEMO": True}, "kaiwa.W005"),
        ({"ALLOWED_HOSTS": ["*"]}, "kaiwa.W006"),
        ({**ONLY_AZURE, "AZURE_OPENAI_API_KEY": ""}, "kaiwa.E001"),
        ({**ONLY_AZURE, "AZURE_OPENAI_API_KEY": "", "DEBUG": True}, "kaiwa.W001"),
        ({**AZURE, "AZURE_OPENAI_BASE_URL": "http://x.example/openai/v1"}, "kaiwa.E003"),
        ({**AZURE, "AZURE_OPENAI_BASE_URL": ""}, "kaiwa.W010"),
        ({**AZURE, "AZURE_OPENAI_API_KEY": ""}, "kaiwa.W010"),
        ({**AZURE, "AZURE_REALTIME_MODEL": "voice"}, "kaiwa.W002"),
        ({**AZURE, "AZURE_CHAT_MODEL": "gpt-realtime"}, "kaiwa.W002"),
        ({"AZURE_DEPLOYMENTS": {"voice": "gpt-9"}}, "kaiwa.W011"),
        ({"AZURE_DEPLOYMENTS": {"gpt-realtime": "gpt-realtime-2.1"}}, "kaiwa.W011"),
    ],
)
def test_each_mistake_has_its_id(changes: dict[str, Any], expected: str) -> None:
    assert ids(**changes) == [expected]


def test_a_budget_of_money_needs_the_prices_of_all_models() -> None:
    unpriced = "gpt-4o-transcribe-diarize"
    budget = Decimal("7.50")
    assert ids(BUDGET_USD_PER_MONTH=budget) == []
    assert ids(TRANSCRIPTION_MODEL=unpriced) == []
    # Calls and clips are refused.
    refused = ids(BUDGET_USD_PER_MONTH=budget, TRANSCRIPTION_MODEL=unpriced)
    assert refused == ["kaiwa.W008", "kaiwa.W008"]
    assert ids(BUDGET_USD_PER_MONTH=budget, CHAT_MODEL="x") == ["kaiwa.W002", "kaiwa.W008"]
    assert ids(BUDGET_USD_PER_MONTH=budget, CHAT_MODEL="x", DEMO=True) == ["kaiwa.W005"]
    deployment: dict[str, Any] = {**AZURE, "AZURE_REALTIME_MODEL": "voice"}
    assert ids(BUDGET_USD_PER_MONTH=budget, **deployment) == ["kaiwa.W002", "kaiwa.W008"]
    deployment["AZURE_DEPLOYMENTS"] = {"voice": "gpt-realtime-2.1"}
    assert ids(BUDGET_USD_PER_MONTH=budget, **deployment) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"OPENAI_API_KEY": "", "DEMO": True, "DEBUG": True},
        AZURE,
        ONLY_AZURE,
        {**ONLY_AZURE, "REALTIME_MODEL": "nobody-asks-for-it"},
        {**AZURE, "AZURE_REALTIME_MODEL": "voice", "AZURE_DEPLOYMENTS": {"voice": "gpt-realtime"}},
        {**AZURE, "AZURE_OPENAI_BASE_URL": "http://127.0.0.1:9000/openai/v1"},
        {"OPENAI_BASE_URL": "http://127.0.0.1:9000/v1"},
        {"OPENAI_BASE_URL": "http://[::1]:9000/v1"},
        {"REGISTRATION_OPEN": True, "DEBUG": True},
        {"DIRECT_SESSIONS": True, "DEBUG": True},
        {"OPENAI_BASE_URL": "http://simulator:9000/v1", "DEMO": True, "DEBUG": True},
    ],
    ids=str,
)
def test_a_deliberate_setting_is_not_a_problem(changes: dict[str, Any]) -> None:
    assert ids(**changes) == []


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 10, 21), []),
        (date(2026, 10, 22), ["kaiwa.W003"]),
        (date(2027, 1, 20), ["kaiwa.W003"]),
        (date(2030, 1, 1), ["kaiwa.W003"]),
    ],
)
def test_a_retirement_is_reported_ninety_days_before(today: date, expected: list[str]) -> None:
    assert ids(today, REALTIME_MODEL="gpt-realtime-2025-08-28") == expected


def test_the_retirement_of_our_own_default_needs_nobody() -> None:
    assert ids(date(2030, 1, 1)) == []


def test_the_retirement_of_a_model_that_nobody_asks_for_is_no_problem() -> None:
    assert ids(date(2030, 1, 1), REALTIME_MODEL="gpt-realtime-2025-08-28", **ONLY_AZURE) == []


def test_a_demo_has_no_problems_with_models() -> None:
    assert ids(date(2030, 1, 1), DEMO=True, DEBUG=True) == []


def test_a_retirement_names_the_day_and_the_successor() -> None:
    chosen = replace(Given(), REALTIME_MODEL="gpt-realtime-2025-08-28")
    (before,) = problems(chosen, date(2026, 12, 1))
    assert "retires on 2027-01-20" in before.msg
    assert before.hint == "Write REALTIME_MODEL=gpt-realtime-2.1."
    (after,) = problems(chosen, date(2027, 2, 1))
    assert "has retired on 2027-01-20" in after.msg


def test_every_problem_has_a_hint() -> None:
    bad = replace(
        Given(), OPENAI_API_KEY="", REALTIME_VOICE="x", REALTIME_MODEL="x", REGISTRATION_OPEN=True
    )
    assert all(str(message.hint).startswith("Write ") for message in problems(bad, EARLY))


def test_no_problem_quotes_the_key() -> None:
    bad = replace(Given(), OPENAI_API_KEY="sk-secret", OPENAI_BASE_URL="http://x.example")
    assert all("sk-secret" not in str(message) for message in problems(bad, EARLY))


def test_django_runs_the_checks(settings: Any) -> None:
    settings.REALTIME_VOICE = "nobody"
    found = [message for message in run_checks() if message.id == "kaiwa.E002"]
    assert [type(message) for message in found] == [Error]


@pytest.mark.parametrize(
    ("is_debug", "is_collected", "expected"),
    [(False, False, ["kaiwa.W007"]), (False, True, []), (True, False, [])],
)
def test_uncollected_static_files_are_a_warning_without_debug(
    settings: Any, tmp_path: Path, is_debug: bool, is_collected: bool, expected: list[str]
) -> None:
    settings.DEBUG = is_debug
    settings.STATIC_ROOT = tmp_path
    if is_collected:
        (tmp_path / settings.RELEASE).mkdir()
    assert [message.id for message in check_static_files(None)] == expected
