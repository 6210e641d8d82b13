"""Budgets in written-out SQL: of everybody, of groups and of users."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from pytest_django import DjangoAssertNumQueries

from backend.spending.budget_rows import granted_to
from backend.spending.budgets import Grant
from backend.spending.models import Budget

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_the_budgets_that_apply_are_read_exactly(owner: User, stranger: User) -> None:
    group = Group.objects.create(name="guests")
    owner.groups.add(group)
    Budget.objects.create(scope="everybody", usd_per_month=Decimal("20.1234"))
    Budget.objects.create(scope="group", group=group, minutes_per_day=30)
    Budget.objects.create(
        scope="user", user=stranger, usd_per_month=Decimal("7.50"), calls_at_once=0
    )
    Budget.objects.create(scope="group", group=Group.objects.create(name="others"))
    of_all = (None, Grant("everybody", Decimal("20.1234")))
    of_group = (owner.pk, Grant("group", None, 30))
    of_stranger = (stranger.pk, Grant("user", Decimal("7.5000"), None, 0, None))
    assert sorted(granted_to([owner.pk]), key=str) == sorted([of_all, of_group], key=str)
    found = list(granted_to([owner.pk, stranger.pk]))
    assert sorted(found, key=str) == sorted([of_all, of_group, of_stranger], key=str)


def test_nobody_has_none_and_nothing_is_asked(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        assert list(granted_to([])) == []
