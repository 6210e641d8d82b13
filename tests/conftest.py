"""Fixtures for all tests: users with their API clients, and a reset of global state."""

import gc
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import translation
from hypothesis import HealthCheck, settings
from pytest_django.fixtures import Settings
from pytest_django.plugin import DjangoDbBlocker
from rest_framework.test import APIClient

from backend import redis_client
from backend.database import RECORDER
from tests import cast
from tests.idle_fixtures import leave_out_idle_fixtures
from tests.migrated_database import RowsOfMigrate, save, saved_database
from tests.redis import RedisServer, running_redis

# `gate` runs the same examples every time, so that `make test` fails only after a code change.
# `fuzz` (`make fuzz`, `--hypothesis-profile=fuzz`) explores new ones. Neither has a deadline: the
# time an example takes depends on how busy the machine is. Both say whether they are derandomised:
# Hypothesis derandomises its default profile where the environment has `CI`.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", _PATIENT, derandomize=True)
settings.register_profile("fuzz", _PATIENT, derandomize=False, max_examples=300, print_blob=True)
settings.load_profile("gate")


# Python looks for garbage again and again among all that imports and the collection of tests made,
# though it stays until the end: a sixth of a run's processor time.
gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave out fixtures that do nothing, and what exists before the first test when Python looks
    for garbage.
    """
    leave_out_idle_fixtures(session.items)
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Reset what a test leaves behind: the thread's language and the cache of the rate limits.

    After the fixtures, as a hook: an autouse fixture would take more time than what it does.
    """
    try:
        yield
    finally:
        translation.deactivate()
        cache.clear()


@pytest.fixture(scope="session")
def _saved_database(request: pytest.FixtureRequest) -> Path:
    """The file with the migrated database, whether an earlier run has made it or not."""
    return saved_database(request.config.cache.mkdir("migrated-database"))


@pytest.fixture(scope="session")
def django_db_keepdb(_saved_database: Path) -> bool:
    """Return whether the database is a copy of a saved one; pytest-django asks before it migrates.

    It migrates the copy too, to no effect.
    """
    database = connections[DEFAULT_DB_ALIAS].settings_dict
    if not database["ENGINE"].endswith("sqlite3"):
        return False
    try:
        shutil.copyfile(_saved_database, database["TEST"]["NAME"])
    except FileNotFoundError:
        return False
    return True


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, _saved_database: Path
) -> Iterator[None]:
    """Save the migrated database; make each flush cheap."""
    connection = connections[DEFAULT_DB_ALIAS]
    with django_db_blocker.unblock():
        # Without a test that uses the database, pytest-django has made none.
        is_made = ContentType._meta.db_table in connection.introspection.table_names()
        if is_made and connection.vendor == "sqlite" and not _saved_database.exists():
            save(connection, _saved_database)
        rows = RowsOfMigrate() if is_made else None
    if rows is None:
        yield
        return
    rows.replace_receivers()
    yield
    rows.restore_receivers()
    with django_db_blocker.unblock():
        connection.close()


@pytest.fixture(scope="session", autouse=True)
def _close_recorder_pool(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close the second pool on PostgreSQL: Django closes only the first, and could not drop the
    test database while another connection is open.
    """
    if RECORDER in connections:
        request.getfixturevalue("django_db_setup")
    yield
    if RECORDER in connections:
        postgres: Any = connections[RECORDER]
        postgres.close_pool()


_database_numbers = count()


@pytest.fixture
def redis_away(settings: Settings) -> None:
    """Set a REDIS_URL where nothing listens.

    Each test has a URL of its own: the process keeps a circuit for each, which may be open still
    after an earlier test.
    """
    settings.REDIS_URL = f"redis://127.0.0.1:1/{next(_database_numbers)}"


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


@pytest.fixture(scope="session")
def _redis_process() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_server(_redis_process: RedisServer) -> Iterator[RedisServer]:
    """The test session's redis-server: running and empty, whatever the last test did to it."""
    _redis_process.empty()
    yield _redis_process
    redis_client.redis_at(_redis_process.url).close()
    redis_client.redis_at.cache_clear()
