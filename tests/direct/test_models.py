"""The rows of ephemeral keys."""

import pytest
from django.contrib.auth.models import User

from backend.direct.models import EphemeralKey
from tests.direct.equipment import EXPIRES_AT

pytestmark = pytest.mark.django_db


def test_a_row_outlives_its_user_and_loses_the_name(owner: User) -> None:
    key = EphemeralKey.objects.create(
        user=owner, expires_at=EXPIRES_AT, provider="openai", model="gpt-realtime", voice="verse"
    )
    owner.delete()
    key.refresh_from_db()
    assert key.user_id is None
    assert str(key).endswith(" gpt-realtime")


def test_no_column_could_hold_the_key() -> None:
    columns = {field.name for field in EphemeralKey._meta.get_fields()}
    assert columns == {
        "id", "user", "created_at", "expires_at", "provider", "model", "voice",
    }  # fmt: skip
