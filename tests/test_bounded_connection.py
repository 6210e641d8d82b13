"""A PostgreSQL that is stopped (SIGSTOP) holds no request and no thread for ever."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections

from backend.bounded_connection import ANSWER_WAIT_S, BoundedConnection
from backend.database import RECORDER
from tests.cast import client_of
from tests.postgres import stopped_postgres

LIMIT_S = 0.3
SOON_S = 8.0
"""Far below the time for which the server stays stopped, and above what a busy machine needs."""

on_postgres = pytest.mark.skipif(RECORDER not in settings.DATABASES, reason="needs PostgreSQL")


class Impatient(BoundedConnection):
    answer_wait_s = LIMIT_S


def test_the_servers_own_limit_ends_a_statement_before_ours() -> None:
    # `statement_timeout` is 5 s: then the connection can be used again. Ten seconds are the most
    # that a request may take, with the pool's 3 s.
    assert 5 < ANSWER_WAIT_S < 10 - 3


@contextmanager
def impatient_client() -> Iterator[Impatient]:
    params = connections["default"].get_connection_params()
    wanted = ("dbname", "user", "password", "host", "port")
    known = {name: params[name] for name in wanted if name in params}
    with Impatient.connect(**known, autocommit=True) as client:
        yield client


@on_postgres
@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=tuple(settings.DATABASES))
def test_a_wait_that_is_too_long_closes_the_connection() -> None:
    with impatient_client() as client:
        assert client.execute("SELECT 1").fetchone() == (1,)
        pid = client.info.backend_pid
        began_s = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(psycopg.OperationalError):
                client.execute("SELECT 2")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert LIMIT_S <= time.monotonic() - began_s < SOON_S
        assert client.closed


@on_postgres
@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=tuple(settings.DATABASES))
def test_a_request_is_answered_while_the_server_is_stopped(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(owner)
    with impatient_client() as other:
        row = other.execute("SHOW data_directory").fetchone()
        assert row is not None
    pool: Any = connections["default"].pool  # type: ignore[attr-defined]
    connections.close_all()
    monkeypatch.setattr(BoundedConnection, "answer_wait_s", LIMIT_S)
    monkeypatch.setattr(pool, "timeout", LIMIT_S)

    def status() -> tuple[int, str]:
        try:
            answer = client.get("/api/sessions/")
            return answer.status_code, answer.json().get("error", {}).get("code", "")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(status).result(SOON_S) == (200, "")
        with stopped_postgres(row[0]):
            assert thread.submit(status).result(SOON_S) == (503, "unavailable")
        monkeypatch.undo()
        # The same thread: it was given back.
        assert thread.submit(status).result(SOON_S) == (200, "")
