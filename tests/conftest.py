"""What every room's tests may ask for: the cast, and a clean memory."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import translation
from hypothesis import HealthCheck, settings
from rest_framework.test import APIClient

from tests import cast

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _clean_memory() -> Iterator[None]:
    """Forget what a test leaves in the thread or the process: its language and its tries."""
    yield
    translation.deactivate()
    cache.clear()


@pytest.fixture
def owner(db: None) -> User:
    """Whose sessions the tests are about."""
    return cast.person("owner")


@pytest.fixture
def stranger(db: None) -> User:
    """Somebody else with a login."""
    return cast.person("stranger")


@pytest.fixture
def staff(db: None) -> User:
    """Who may read the admin."""
    return cast.person("staff", is_staff=True)


@pytest.fixture
def as_owner(owner: User) -> APIClient:
    return cast.client_of(owner)


@pytest.fixture
def as_stranger(stranger: User) -> APIClient:
    return cast.client_of(stranger)


@pytest.fixture
def as_nobody(db: None) -> APIClient:
    return cast.client_of(None)
