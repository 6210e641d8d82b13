"""What only the database refuses is answered like any other value that was not understood."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db import DataError
from django.test import RequestFactory

from backend.conversations.models import Session


@pytest.mark.django_db
@pytest.mark.parametrize("error", [DataError, ValueError, OverflowError])
def test_a_refusal_of_the_database_is_a_value_not_understood(
    staff: User, rf: RequestFactory, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(ChangeList, "get_results", refuse)
    request: Any = rf.get("/")
    request.user = staff
    with pytest.raises(IncorrectLookupParameters):
        admin.site.get_model_admin(Session).get_changelist_instance(request)
