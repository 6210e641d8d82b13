"""`/metrics`: who may read it, what it asks the database, and what it shows without one."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import AsyncClient, RequestFactory
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult
from pytest_django.fixtures import Settings

from backend.conversations import jobs
from backend.conversations.lifecycle import end_call
from backend.health import metrics_view
from backend.health.metrics_view import (
    SharedFacts,
    is_private,
    may_scrape,
    read_shared_facts,
)
from backend.protocol.endings import Ending
from backend.runtime import runtime
from backend.telemetry import sibling_metrics
from backend.telemetry.sibling_metrics import Siblings
from tests.conversations.equipment import new_call, new_session

TOKEN = "a-long-token-of-the-scraper"


@pytest.fixture(autouse=True)
def _new_runtime() -> Iterator[None]:
    """Each test has a runtime of its own, in its own event loop."""
    runtime.cache_clear()
    yield
    runtime.cache_clear()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("172.18.0.5", True),
        ("192.168.1.1", True),
        ("::ffff:10.0.0.1", True),
        ("fd12::1", True),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("0.0.0.0", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_private_addresses(address: str, expected: bool) -> None:
    assert is_private(address) is expected


@pytest.mark.parametrize(
    ("token", "meta", "expected"),
    [
        ("", {"REMOTE_ADDR": "10.0.0.2"}, True),
        ("", {"REMOTE_ADDR": "8.8.8.8"}, False),
        ("", {"REMOTE_ADDR": "10.0.0.2", "HTTP_X_FORWARDED_FOR": "8.8.8.8"}, False),
        ("", {"REMOTE_ADDR": "10.0.0.2", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, False),
        ("", {"REMOTE_ADDR": "10.0.0.2", "HTTP_FORWARDED": "for=8.8.8.8"}, False),
        ("", {"REMOTE_ADDR": "10.0.0.2", "HTTP_X_REAL_IP": "8.8.8.8"}, False),
        ("", {"REMOTE_ADDR": "8.8.8.8", "HTTP_AUTHORIZATION": "Bearer "}, False),
        (TOKEN, {"REMOTE_ADDR": "127.0.0.1"}, False),
        (TOKEN, {"REMOTE_ADDR": "127.0.0.1", "HTTP_AUTHORIZATION": "Bearer x"}, False),
        (TOKEN, {"REMOTE_ADDR": "127.0.0.1", "HTTP_AUTHORIZATION": TOKEN}, False),
        (TOKEN, {"REMOTE_ADDR": "8.8.8.8", "HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}, True),
        (TOKEN, {"REMOTE_ADDR": "8.8.8.8", "HTTP_AUTHORIZATION": "Bearer é"}, False),
    ],
)
def test_it_is_not_public(
    settings: Settings, token: str, meta: dict[str, Any], expected: bool
) -> None:
    settings.METRICS_TOKEN = token
    assert may_scrape(RequestFactory().get("/metrics", **meta)) is expected


@pytest.mark.django_db(transaction=True)
async def test_a_scrape_has_the_processs_and_the_databases_metrics(
    async_client: AsyncClient, settings: Settings
) -> None:
    settings.METRICS_TOKEN = ""
    response = await async_client.get("/metrics")
    text = response.content.decode()
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    assert "kaiwa_database_up 1.0" in text
    assert 'kaiwa_jobs{status="failed"} 0.0' in text
    assert "process_resident_memory_bytes" in text
    # What an alert's `increase` counts from, and "no calls" as a number.
    for sample in (
        'kaiwa_calls{state="ready"}',
        'kaiwa_calls_ended_total{ending="interrupted"}',
        'kaiwa_upstream_errors_total{error="provider_refused"}',
    ):
        assert f"{sample} " in text
    await runtime().stop(0)


async def test_without_a_database_the_processs_metrics_remain(
    async_client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("password=secret")

    settings.METRICS_TOKEN = ""
    monkeypatch.setattr(metrics_view, "read_shared_facts", away)
    text = (await async_client.get("/metrics")).content.decode()
    assert "kaiwa_database_up 0.0" in text and "kaiwa_recorder_backlog_rows 0.0" in text
    assert "kaiwa_jobs" not in text and "secret" not in text
    await runtime().stop(0)


@pytest.fixture
def sockets() -> Iterator[Path]:
    """The folder of the workers' sockets; a socket's path may have 107 characters at most."""
    with TemporaryDirectory() as folder:
        yield Path(folder)
    sibling_metrics.leave()


async def test_a_worker_exposes_the_metrics_of_all(
    async_client: AsyncClient, settings: Settings, sockets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.METRICS_TOKEN = ""
    facts = SharedFacts(open_calls=4, jobs={"failed": 0}, oldest_ready_job_s=0.0)
    monkeypatch.setattr(metrics_view, "read_shared_facts", lambda: facts)
    other = Siblings(sockets, 1, 3)
    await other.answer(metrics_view.families_of_worker)
    sibling_metrics.join(Siblings(sockets, 2, 3))
    text = (await async_client.get("/metrics")).content.decode()
    other.close()
    for worker in (1, 2):
        assert f'kaiwa_calls{{state="ready",worker="{worker}"}} 0.0' in text
        assert f'process_cpu_seconds_total{{worker="{worker}"}} ' in text
    # Of the one that was asked alone, which is another one at each scrape.
    assert "kaiwa_database_up 1.0" in text and "kaiwa_database_up{" not in text
    assert "kaiwa_open_calls 4.0" in text
    # The third has no socket.
    assert 'kaiwa_workers{state="answered"} 2.0' in text
    assert 'kaiwa_workers{state="silent"} 1.0' in text
    assert text.count("# TYPE kaiwa_calls gauge") == 1
    await runtime().stop(0)


async def test_the_only_process_has_no_label_and_no_silent_one(
    async_client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.METRICS_TOKEN = ""
    facts = SharedFacts(open_calls=0, jobs={}, oldest_ready_job_s=0.0)
    monkeypatch.setattr(metrics_view, "read_shared_facts", lambda: facts)
    text = (await async_client.get("/metrics")).content.decode()
    assert "worker=" not in text
    assert 'kaiwa_workers{state="answered"} 1.0' in text
    assert 'kaiwa_workers{state="silent"} 0.0' in text
    await runtime().stop(0)


async def test_a_stranger_gets_an_error_of_the_api(
    async_client: AsyncClient, settings: Settings
) -> None:
    settings.METRICS_TOKEN = TOKEN
    response = await async_client.get("/metrics")
    assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")
    assert (await async_client.post("/metrics")).status_code == 405


@pytest.mark.django_db
@pytest.mark.postgres
def test_what_the_database_knows_takes_three_statements(
    owner: User, django_assert_num_queries: Any
) -> None:
    new_call(new_session(owner))
    end_call(new_call(new_session(owner)).call_id, Ending.CLIENT_LEFT)
    for _ in range(3):
        jobs.clean_up.enqueue()
    waiting, failed, done = DBTaskResult.objects.order_by("pk")
    now = timezone.now()
    DBTaskResult.objects.filter(pk=waiting.pk).update(enqueued_at=now - timedelta(seconds=90))
    DBTaskResult.objects.filter(pk=failed.pk).update(status=TaskResultStatus.FAILED)
    DBTaskResult.objects.filter(pk=done.pk).update(status=TaskResultStatus.SUCCESSFUL)
    with django_assert_num_queries(3):
        facts = read_shared_facts()
    assert (facts.open_calls, facts.jobs) == (1, {"ready": 1, "running": 0, "failed": 1})
    assert 90 <= facts.oldest_ready_job_s < 100
