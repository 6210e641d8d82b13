"""The admins whose rows only code writes: not even a superuser may write one there."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import RequestFactory

from backend.audit.models import AuditEntry
from backend.live_desk.models import LiveCall
from backend.reports.models import DailyFigures


@pytest.mark.parametrize("model", [AuditEntry, LiveCall, DailyFigures])
def test_nobody_may_write(model: type[Model], rf: RequestFactory) -> None:
    request = rf.get("/admin/")
    request.user = User(is_superuser=True, is_staff=True)
    shown = admin.site.get_model_admin(model)
    assert shown.has_view_permission(request)
    assert not shown.has_add_permission(request)
    assert not shown.has_change_permission(request)
    assert not shown.has_delete_permission(request)
