"""Which of the database's errors mean that it is unavailable."""

import pytest
from django.db import DataError, IntegrityError, InterfaceError, InternalError, OperationalError

from backend.database import DATABASE_UNAVAILABLE


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError, InternalError])
def test_a_retry_can_help_while_the_database_is_unavailable(kind: type[Exception]) -> None:
    assert issubclass(kind, DATABASE_UNAVAILABLE)


@pytest.mark.parametrize("kind", [DataError, IntegrityError])
def test_a_retry_cannot_help_when_the_database_refuses_a_row(kind: type[Exception]) -> None:
    assert not issubclass(kind, DATABASE_UNAVAILABLE)
