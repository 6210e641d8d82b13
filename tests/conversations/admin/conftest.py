"""A signed-in reviewer, a session and a call in it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from backend.conversations.lifecycle import OpenedCall
from backend.conversations.models import Session
from tests.conversations.equipment import new_call, new_session


@pytest.fixture
def reviewer(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner, title="Bread")


@pytest.fixture
def call(session: Session) -> OpenedCall:
    return new_call(session)
