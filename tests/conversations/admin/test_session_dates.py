"""The dates that the list of sessions links to: no day of another month."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User

from backend.conversations.admin.session_dates import SessionDates
from backend.conversations.models import Session
from tests.conversations.equipment import new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def sessions(owner: User) -> None:
    for each in ((2025, 11, 30), (2026, 2, 28), (2026, 2, 3), (2026, 2, 3), (2026, 3, 1)):
        new_session(owner, created_at=datetime(*each, 23, 59, tzinfo=UTC))


def dates(kind: str, **params: str) -> list[date]:
    chosen = {f"created_at__{name}": value for name, value in params.items()}
    return SessionDates(Session.objects.all(), chosen).datetimes("created_at", kind)


@pytest.mark.usefixtures("sessions")
def test_years_and_months_go_from_the_first_session_to_the_last() -> None:
    assert [each.year for each in dates("year")] == [2025, 2026]
    assert dates("month", year="2025") == [date(2025, 11, 1), date(2025, 12, 1)]
    assert dates("month", year="2026") == [date(2026, month, 1) for month in (1, 2, 3)]
    assert dates("month", year="2020") == []


@pytest.mark.usefixtures("sessions")
def test_the_days_are_those_of_the_month_with_sessions() -> None:
    assert dates("day", year="2026", month="2") == [date(2026, 2, 3), date(2026, 2, 28)]
    assert dates("day", year="2025", month="12") == []


@pytest.mark.parametrize("kind", ["year", "month", "day"])
def test_without_sessions_there_are_no_dates(kind: str) -> None:
    assert dates(kind) == []


def test_a_list_of_one_month_links_to_its_days(owner: User) -> None:
    new_session(owner, created_at=datetime(2026, 12, 24, tzinfo=UTC))
    found = SessionDates(Session.objects.all(), {})
    assert found.aggregate()["first"] == datetime(2026, 12, 24, tzinfo=UTC)
    assert found.datetimes("created_at", "day") == [date(2026, 12, 24)]
