"""A clock that stands still, and the whole roll-up in one call."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.utils import timezone

from tests.reports.equipment import TODAY


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[datetime]]:
    """The time that the job reads; a test changes its only element."""
    now = [TODAY]
    monkeypatch.setattr(timezone, "now", lambda: now[0])
    yield now
