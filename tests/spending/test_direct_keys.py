"""A user's limits before they get an ephemeral key."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from backend.protocol.errors import AdmissionRefused, BudgetSpent
from backend.spending.direct_keys import check_key
from backend.spending.models import Budget

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "limits", [{}, {"usd_per_month": Decimal(50)}, {"minutes_per_day": 60}, {"calls_at_once": 1}]
)
def test_a_user_with_something_left_may_have_a_key(owner: User, limits: dict[str, Any]) -> None:
    if limits:
        Budget.objects.create(scope="user", user=owner, **limits)
    check_key(owner.pk, timezone.now())


@pytest.mark.parametrize(
    ("limits", "kind"),
    [({"usd_per_month": Decimal(0)}, "money"), ({"minutes_per_day": 0}, "minutes")],
)
def test_nobody_may_whose_budget_is_used_up(owner: User, limits: dict[str, Any], kind: str) -> None:
    Budget.objects.create(scope="user", user=owner, **limits)
    with pytest.raises(BudgetSpent) as spent:
        check_key(owner.pk, timezone.now())
    assert spent.value.kind == kind


@pytest.mark.parametrize("limit", ["calls_at_once", "calls_per_hour"])
def test_nobody_may_who_may_make_no_call(owner: User, limit: str) -> None:
    Budget.objects.create(scope="user", user=owner, **{limit: 0})
    with pytest.raises(AdmissionRefused) as refused:
        check_key(owner.pk, timezone.now())
    assert refused.value.code == "calls_not_allowed"
