"""`/healthz` needs no database; `/readyz` asks it, with a time limit."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import AsyncClient, AsyncRequestFactory, Client

from backend.conversations.executor import DatabaseExecutor
from backend.health.views import ping_database, readyz


@pytest.fixture
def executor() -> Iterator[DatabaseExecutor]:
    executor = DatabaseExecutor(threads=1)
    yield executor
    executor.close()


async def asked(executor: DatabaseExecutor, ask: Any) -> tuple[int, dict[str, str]]:
    view = readyz(executor, ask, wait_s=0.02)
    response = await view(AsyncRequestFactory().get("/readyz"))
    return response.status_code, json.loads(response.content)


async def test_healthz_asks_no_database(async_client: AsyncClient) -> None:
    response = await async_client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_only_safe_methods_are_allowed(client: Client) -> None:
    assert {client.post(path).status_code for path in ("/healthz", "/readyz")} == {405}


@pytest.mark.django_db(transaction=True)
def test_readyz_answers_when_the_database_does(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()["database"]) == (200, "ok")


@pytest.mark.django_db
def test_asking_the_database_takes_one_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        ping_database()


async def test_a_stuck_database_gives_503_within_the_limit(executor: DatabaseExecutor) -> None:
    moving = threading.Event()
    assert await asked(executor, moving.wait) == (
        503,
        {"status": "unavailable", "database": "away"},
    )
    moving.set()


async def test_the_databases_error_is_not_disclosed(
    executor: DatabaseExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    def ask() -> None:
        raise OperationalError("password=secret")

    status, answer = await asked(executor, ask)
    assert status == 503
    assert "secret" not in f"{answer}{caplog.text}"
    assert vars(caplog.records[0])["fields"] == {"error": "OperationalError"}
