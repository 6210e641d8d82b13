"""A report adds the stored figures up by day and by user or model, in one query."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from backend.reports.models import DailyFigures
from backend.reports.query import Group, Query
from backend.reports.report import read_report
from tests.reports.equipment import figures

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TODAY = date(2026, 11, 20)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def test_days_without_figures_are_there_too() -> None:
    report = read_report(Query(7), TODAY)
    assert report.days == [ago(age) for age in (6, 5, 4, 3, 2, 1, 0)]
    assert (report.total.calls, report.by_day, report.shares) == (0, {}, [])


def test_figures_add_up_by_day(owner: User, stranger: User) -> None:
    figures(owner, TODAY, calls=2, cost="0.1")
    figures(stranger, TODAY, calls=1, cost="0.2", ending="internal")
    figures(owner, ago(6), calls=4)
    figures(owner, ago(7), calls=8)
    report = read_report(Query(7, Group.ALL), TODAY)
    assert {day: tally.calls for day, tally in report.by_day.items()} == {TODAY: 3, ago(6): 4}
    assert report.total.cost_usd == Decimal("0.3")
    assert report.total.endings == Counter(client_left=6, internal=1)
    assert report.total.first_sound.total == 7
    assert report.shares == []


def test_models_are_divided_and_the_most_expensive_is_first(owner: User, stranger: User) -> None:
    figures(owner, TODAY, calls=1, cost="1", model="mini")
    figures(stranger, ago(1), calls=2, cost="2", model="mini")
    figures(owner, TODAY, calls=9, cost="2", model="large")
    shares = read_report(Query(7, Group.MODEL), TODAY).shares
    assert [(share.label, share.total.calls) for share in shares] == [("mini", 3), ("large", 9)]
    assert {day: tally.calls for day, tally in shares[0].by_day.items()} == {TODAY: 1, ago(1): 2}


def test_deleted_users_are_one(owner: User, stranger: User, staff: User) -> None:
    for user in (owner, stranger, staff):
        figures(user, TODAY, calls=1)
    stranger.delete()
    staff.delete()
    shares = read_report(Query(7, Group.USER), TODAY).shares
    named = [(str(share.label), share.total.calls) for share in shares]
    assert named == [("Deleted users", 2), ("owner", 1)]
    assert DailyFigures.objects.count() == 3


@pytest.mark.parametrize(("group", "queries"), [(Group.ALL, 1), (Group.MODEL, 1), (Group.USER, 2)])
def test_the_number_of_queries_does_not_depend_on_the_rows(
    owner: User, stranger: User, group: Group, queries: int, django_assert_num_queries: Any
) -> None:
    for age in range(20):
        for user in (owner, stranger):
            figures(user, ago(age), calls=1, model=f"model-{age % 4}")
    with django_assert_num_queries(queries):
        read_report(Query(30, group), TODAY)
