"""A ticket's row shows its user and no secret."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from backend.accounts import tickets
from backend.accounts.models import Ticket


@pytest.mark.django_db
def test_a_ticket_shows_its_user_and_no_digest(owner: User) -> None:
    tickets.issue(owner.pk, uuid4())
    ticket = Ticket.objects.get()
    assert str(ticket) == f"ticket of user {owner.pk}"
    assert ticket.digest not in repr(ticket)


@pytest.mark.django_db
def test_tickets_go_with_their_user(owner: User) -> None:
    tickets.issue(owner.pk, uuid4())
    owner.delete()
    assert not Ticket.objects.exists()
