"""The live desk's permissions are its own: neither follows from those of sessions or calls."""

import pytest
from django.contrib.auth.models import Permission

pytestmark = pytest.mark.django_db


def test_viewing_and_ending_are_two_permissions() -> None:
    own = Permission.objects.filter(content_type__app_label="live_desk")
    assert set(own.values_list("codename", flat=True)) == {"view_livecall", "end_livecall"}
