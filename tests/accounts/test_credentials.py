"""Tickets and tokens as credentials of a handshake."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from backend.accounts import tickets, tokens
from backend.accounts.credentials import Credential, user_of
from backend.protocol.errors import AdmissionRefused

SESSION = uuid4()


def test_a_ticket_authenticates_its_user_once(owner: User) -> None:
    ticket = Credential("ticket", tickets.issue(owner.pk, SESSION).ticket)
    assert user_of(ticket, SESSION) == owner.pk
    with pytest.raises(AdmissionRefused, match="ticket_invalid"):
        user_of(ticket, SESSION)


def test_a_token_authenticates_its_user_for_any_session(owner: User) -> None:
    token = Credential("token", tokens.key_for(owner))
    assert [user_of(token, uuid4()) for _ in range(2)] == [owner.pk] * 2


def test_a_token_is_not_accepted_as_a_ticket_nor_the_reverse(owner: User) -> None:
    ticket = tickets.issue(owner.pk, SESSION).ticket
    for wrong in (Credential("ticket", tokens.key_for(owner)), Credential("token", ticket)):
        with pytest.raises(AdmissionRefused):
            user_of(wrong, SESSION)


def test_the_repr_does_not_contain_the_secret() -> None:
    assert "secret-word" not in repr(Credential("token", "secret-word"))
