"""The admin names a model that retires soon, in the reader's language."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "is used from then on"), ("ja", "に提供を終了します")],
)
def test_the_admin_names_a_model_that_retires(
    admin_client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    settings.DEMO, settings.REALTIME_MODEL = False, "gpt-realtime"
    page = admin_client.get("/admin/", headers={"accept-language": language}).content.decode()
    assert words in page and "gpt-realtime-2.1" in page
    settings.REALTIME_MODEL = "gpt-realtime-2.1"
    assert words not in admin_client.get("/admin/").content.decode()
