"""What every room's tests may ask for: the cast, and a clean memory."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import translation
from hypothesis import HealthCheck, settings
from rest_framework.test import APIClient

from tests import cast

# `gate` runs the same examples every time, so that `make test` fails only for a change of the code.
# `fuzz` (`make fuzz`, `--hypothesis-profile=fuzz`) explores new ones. Neither has a deadline: the
# time an example takes depends on how busy the machine is.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", _PATIENT, derandomize=True)
settings.register_profile("fuzz", _PATIENT, max_examples=1_000, print_blob=True)
settings.load_profile("gate")


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
