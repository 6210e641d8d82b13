"""The rows of budgets: what the database refuses, and with which sentence the form does."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import translation

from backend.spending.models import Budget

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "everybody", "usd_per_month": -1},
        {"scope": "everybody", "minutes_per_day": -1},
        {"scope": "everybody", "calls_at_once": -1},
        {"scope": "everybody", "calls_per_hour": -1},
        {"scope": "user"},
        {"scope": "group"},
        {"scope": "nobody"},
    ],
)
def test_the_database_refuses_a_wrong_row(fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.create(**fields)


def test_there_is_one_budget_for_each_target(owner: User) -> None:
    group = Group.objects.create(name="guests")
    targets: list[dict[str, Any]] = [
        {"scope": "everybody"},
        {"scope": "group", "group": group},
        {"scope": "user", "user": owner},
    ]
    for target in targets:
        Budget.objects.create(**target)
        with pytest.raises(IntegrityError), transaction.atomic():
            Budget.objects.create(**target)
    owner.delete()
    group.delete()
    assert [str(budget) for budget in Budget.objects.all()] == ["everybody"]


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"scope": "everybody", "usd_per_month": -1}, "usd_per_month", "Write 0 or more."),
        ({"scope": "everybody", "minutes_per_day": -1}, "minutes_per_day", "Write 0 or more."),
        ({"scope": "user"}, "user", "Choose whom"),
        ({"scope": "group"}, "group", "Choose whom"),
        ({"scope": "everybody", "group": True}, "group", "Leave this empty"),
    ],
)
def test_a_wrong_budget_is_refused_with_a_sentence(
    fields: dict[str, Any], field: str, sentence: str
) -> None:
    if "group" in fields:
        fields = fields | {"group": Group.objects.create(name="guests")}
    with pytest.raises(ValidationError) as refused:
        Budget(**fields).full_clean()
    assert refused.value.message_dict[field][0].startswith(sentence)
    with translation.override("ja"):
        with pytest.raises(ValidationError) as refused:
            Budget(**fields).full_clean()
        assert not refused.value.message_dict[field][0].isascii()


@pytest.mark.parametrize("scope", ["", "nobody"])
def test_an_unknown_scope_is_refused(scope: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Budget(scope=scope).full_clean()
    assert "scope" in refused.value.message_dict


def test_a_second_budget_for_everybody_is_refused_with_a_sentence() -> None:
    Budget.objects.create(scope="everybody").full_clean()
    with pytest.raises(ValidationError, match="There is a budget for everybody already"):
        Budget(scope="everybody").full_clean()


def test_a_row_is_a_line(owner: User) -> None:
    budget = Budget(scope="user", user=owner, usd_per_month=Decimal("7.50"), calls_at_once=0)
    assert budget.limits_text() == "7.50 USD/month, - min/day, 0 at once, - /hour"
    assert str(budget) == "one user: owner"
