"""Tokens: one per user, deleted by logout."""

import pytest
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from backend.accounts import tokens
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_a_token_returns_its_user(owner: User, stranger: User) -> None:
    assert tokens.user_of(tokens.key_for(owner)) == owner.pk
    assert tokens.user_of(tokens.key_for(stranger)) == stranger.pk


@pytest.mark.parametrize("key", ["", "nonsense", "a\0b", "鍵", "\ud800", "x" * 10_000])
def test_nonsense_is_refused(key: str) -> None:
    with pytest.raises(AdmissionRefused) as refusal:
        tokens.user_of(key)
    assert (refusal.value.code, refusal.value.ending) == ("token_invalid", Ending.UNAUTHENTICATED)


def test_a_disabled_users_token_is_refused(owner: User) -> None:
    key = tokens.key_for(owner)
    User.objects.update(is_active=False)
    with pytest.raises(AdmissionRefused):
        tokens.user_of(key)


def test_a_revoked_token_is_refused_and_another_login_makes_another(owner: User) -> None:
    key = tokens.key_for(owner)
    tokens.revoke(owner.pk)
    with pytest.raises(AdmissionRefused):
        tokens.user_of(key)
    assert tokens.key_for(owner) != key


def test_the_login_time_is_when_the_token_was_created(owner: User) -> None:
    assert tokens.login_time(owner.pk) is None
    tokens.key_for(owner)
    assert tokens.login_time(owner.pk) == Token.objects.get().created
