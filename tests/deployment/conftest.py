"""A PostgreSQL of its own for the tests of a deployment, and the environment of a container."""

import os
from collections.abc import Iterator

import pytest

from tests.postgres import running_postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The `DATABASE_URL` of a temporary server's empty database."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def container_environ() -> dict[str, str]:
    """What the compose file sets, without secrets from files; no database."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SECRET_KEY": "only-for-tests-0123456789-" * 2,
        "ALLOWED_HOSTS": "voice.example.com",
        "OPENAI_API_KEY": "sk-only-for-this-test",
        "ADMIN_PASSWORD": "a rather long password",
    }
