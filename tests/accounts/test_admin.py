"""Users in the admin: a login can be revoked, and a token is never shown."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token, TokenProxy

from backend.accounts import tokens
from backend.accounts.models import Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def test_tokens_and_tickets_are_not_in_the_admin() -> None:
    assert not any(admin.site.is_registered(model) for model in (Token, TokenProxy, Ticket))


def test_no_page_of_a_user_shows_the_token(reviewer: Client, owner: User) -> None:
    key = tokens.key_for(owner)
    for path in ("/admin/", "/admin/auth/user/", f"/admin/auth/user/{owner.pk}/change/"):
        response = reviewer.get(path)
        assert response.status_code == 200
        assert key not in response.content.decode()


def test_an_admin_signs_somebody_out_everywhere(
    reviewer: Client, owner: User, stranger: User
) -> None:
    tokens.key_for(owner)
    tokens.key_for(stranger)
    chosen = {"action": "end_login", "_selected_action": [owner.pk]}
    response = reviewer.post("/admin/auth/user/", chosen, follow=True)
    assert "Signed out: owner." in response.content.decode()
    assert Token.objects.get().user == stranger


def test_the_admin_is_for_staff(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert client.get("/admin/").status_code == 302
