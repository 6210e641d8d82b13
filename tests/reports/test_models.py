"""Staff may be given the permission to view the numbers, and none to change them."""

from datetime import date

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from backend.reports.models import CallFigures, DailyFigures, RollUpProgress


@pytest.mark.django_db
def test_viewing_is_the_only_permission() -> None:
    own = Permission.objects.filter(content_type__app_label="reports")
    assert list(own.values_list("codename", flat=True)) == ["view_dailyfigures"]


def test_rows_have_names() -> None:
    day = date(2026, 11, 20)
    assert str(DailyFigures(day=day, model="m")) == "2026-11-20 m"
    assert str(CallFigures(day=day, call_id="c")) == "2026-11-20 c"
    assert str(RollUpProgress(updated_at=timezone.now())).startswith("20")
