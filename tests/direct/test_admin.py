"""The ephemeral keys in the admin: a list to read."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from backend.direct.models import EphemeralKey
from tests.cast import person

pytestmark = pytest.mark.django_db

LIST = "/admin/direct/ephemeralkey/"


@pytest.fixture
def keys(owner: User) -> list[EphemeralKey]:
    """A valid key, and one that has expired."""
    now = timezone.now()
    return [
        EphemeralKey.objects.create(
            user=owner, expires_at=expires_at, provider="openai", model="gpt-realtime", voice=voice
        )
        for expires_at, voice in ((now + timedelta(minutes=5), "verse"), (now, "cedar"))
    ]


def admin_client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_list_says_who_got_which_key_and_whether_it_is_valid(
    keys: list[EphemeralKey], owner: User
) -> None:
    shown = admin_client(person("root", is_staff=True)).get(LIST).content.decode()
    assert shown.count(owner.username) >= 2
    assert "verse" in shown and "cedar" in shown
    assert shown.count('alt="True"') == shown.count('alt="False"') == 1


def test_nobody_can_add_change_or_delete_one(keys: list[EphemeralKey]) -> None:
    client = admin_client(person("root", is_staff=True))
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{keys[0].pk}/delete/").status_code == 403
    page = client.get(f"{LIST}{keys[0].pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()


def test_staff_needs_the_permission_to_view(keys: list[EphemeralKey]) -> None:
    clerk = person("clerk")
    clerk.is_staff = True
    clerk.save()
    assert admin_client(clerk).get(LIST).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_ephemeralkey"))
    assert admin_client(clerk).get(LIST).status_code == 200
