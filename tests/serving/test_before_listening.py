"""The checks before the server listens. `tests/test_serve.py` has those that end the process."""

from typing import Any

import pytest

from backend.serving.before_listening import run_system_checks


def test_a_warning_is_logged_with_its_id_and_its_hint(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.OPENAI_API_KEY = "sk-only-for-this-test"
    settings.REGISTRATION_OPEN = True
    settings.SILENCED_SYSTEM_CHECKS = ["kaiwa.W003", "kaiwa.W006", "kaiwa.W007", "kaiwa.W009"]
    settings.ALLOWED_HOSTS = ["*"]
    run_system_checks()
    assert caplog.messages == [
        "check.warned kaiwa.W004 REGISTRATION_OPEN: strangers may register, and talk at your cost."
        " Write REGISTRATION_OPEN=off unless you mean it."
    ]
    assert caplog.records[0].levelname == "WARNING"
