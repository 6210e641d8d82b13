"""Fixtures for all tests: users with their API clients, and a reset of global state."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import translation
from hypothesis import HealthCheck, settings
from rest_framework.test import APIClient

from tests import cast

# `gate` runs the same examples every time, so that `make test` fails only after a code change.
# `fuzz` (`make fuzz`, `--hypothesis-profile=fuzz`) explores new ones. Neither has a deadline: the
# time an example takes depends on how busy the machine is. Both say whether they are derandomised:
# Hypothesis derandomises its default profile where the environment has `CI`.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", _PATIENT, derandomize=True)
settings.register_profile("fuzz", _PATIENT, derandomize=False, max_examples=300, print_blob=True)
settings.load_profile("gate")


@pytest.fixture(autouse=True)
def _clean_memory() -> Iterator[None]:
    """Reset what a test leaves behind: the thread's language and the cache of the rate limits."""
    yield
    translation.deactivate()
    cache.clear()


@pytest.fixture
def owner(db: None) -> User:
    """The user who owns the sessions under test."""
    return cast.person("owner")


@pytest.fixture
def stranger(db: None) -> User:
    """Another user."""
    return cast.person("stranger")


@pytest.fixture
def staff(db: None) -> User:
    """A user who may read the admin."""
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
