"""Background jobs: enqueued once, cleaned up, run again after a worker was killed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone
from django_tasks import TaskResultStatus, task
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoAssertNumQueries

from backend.accounts import tickets
from backend.accounts.models import Ticket
from backend.conversations import jobs
from backend.conversations.jobs import (
    ABANDONED_AFTER,
    CLEAN_UP_EVERY,
    DEAD_CALL_AGE,
    KEEP_RESULTS,
    MAX_ATTEMPTS,
    clean_up,
    enqueue_periodic_jobs,
    schedule,
)
from backend.conversations.models import Call, PeriodicJob
from tests.conversations.equipment import new_call, new_session

# The worker closes its connection, so a test cannot be one transaction.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

READY, RUNNING = TaskResultStatus.READY, TaskResultStatus.RUNNING


@task()
def hourly() -> None:
    """Do nothing; for the schedule."""


@pytest.fixture(autouse=True)
def _only_clean_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the jobs of other apps."""
    monkeypatch.setattr(jobs, "SCHEDULE", {clean_up.name: (clean_up, CLEAN_UP_EVERY)})


def run_worker() -> None:
    """Run all pending jobs as `manage.py db_worker` does, but without its signal handlers."""
    Worker(
        queue_names=["default"],
        interval=0,
        batch=True,
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id="worker",
        excluded_queue_names=[],
    ).run()


def make_due() -> None:
    PeriodicJob.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def test_a_periodic_job_is_enqueued_when_it_is_due() -> None:
    assert enqueue_periodic_jobs()
    assert not enqueue_periodic_jobs()
    run_worker()
    assert not enqueue_periodic_jobs()
    make_due()
    assert enqueue_periodic_jobs()
    statuses = DBTaskResult.objects.order_by("enqueued_at").values_list("status", flat=True)
    assert list(statuses) == [TaskResultStatus.SUCCESSFUL, READY]


def test_every_scheduled_job_has_an_interval_of_its_own() -> None:
    schedule(hourly, timedelta(hours=1))
    assert enqueue_periodic_jobs()
    due = dict(PeriodicJob.objects.values_list("name", "due_at"))
    assert due["hourly"] - due["clean_up"] >= timedelta(minutes=50)
    DBTaskResult.objects.all().delete()
    # A second ago: SQLite's own clock has milliseconds, and may be behind Python's microseconds.
    PeriodicJob.objects.filter(name="hourly").update(due_at=timezone.now() - timedelta(seconds=1))
    assert enqueue_periodic_jobs()
    assert list(DBTaskResult.objects.values_list("task_path", flat=True)) == [hourly.module_path]


def test_jobs_are_due_until_they_are_enqueued_and_again_in_time() -> None:
    assert jobs.are_due()
    enqueue_periodic_jobs()
    assert not jobs.are_due()
    make_due()
    assert jobs.are_due()


def test_while_nothing_is_due_a_heartbeat_asks_once(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    enqueue_periodic_jobs()
    with django_assert_num_queries(1):
        assert not enqueue_periodic_jobs()


def test_jobs_do_not_pile_up_while_no_worker_runs() -> None:
    for _ in range(5):
        enqueue_periodic_jobs()
        make_due()
    assert DBTaskResult.objects.count() == 1


def test_a_killed_worker_does_not_stop_the_schedule() -> None:
    enqueue_periodic_jobs()
    DBTaskResult.objects.update(status=RUNNING, started_at=timezone.now())
    make_due()
    assert not enqueue_periodic_jobs()
    DBTaskResult.objects.update(started_at=timezone.now() - ABANDONED_AFTER)
    make_due()
    assert enqueue_periodic_jobs()


def test_of_many_processes_one_enqueues() -> None:
    processes = 6
    start = Barrier(processes)

    def enqueue() -> bool:
        try:
            start.wait()
            return enqueue_periodic_jobs()
        finally:
            connection.close()

    with ThreadPoolExecutor(processes) as pool:
        enqueued = list(pool.map(lambda _: enqueue(), range(processes)))
    assert sorted(enqueued) == [False] * (processes - 1) + [True]
    assert DBTaskResult.objects.count() == 1


def test_the_worker_deletes_expired_tickets(owner: User) -> None:
    session = new_session(owner)
    tickets.issue(owner.pk, session.pk)
    expired = Ticket.objects.get()
    valid = tickets.issue(owner.pk, session.pk)
    Ticket.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    clean_up.enqueue()
    run_worker()
    assert Ticket.objects.count() == 1
    assert tickets.take(valid.ticket, session.pk) == owner.pk


def test_the_worker_ends_calls_that_no_server_has_ended(owner: User, stranger: User) -> None:
    dead, recent, live = (new_call(new_session(user)) for user in (owner, stranger, owner))
    now = timezone.now()
    for call, expired_for in ((dead, DEAD_CALL_AGE * 2), (recent, DEAD_CALL_AGE / 2)):
        Call.objects.filter(pk=call.call_id).update(
            started_at=F("started_at") - timedelta(hours=1), lease_until=now - expired_for
        )
    clean_up.enqueue()
    run_worker()
    endings = dict(Call.objects.values_list("pk", "ending"))
    assert endings == {dead.call_id: "interrupted", recent.call_id: "", live.call_id: ""}


def test_a_job_whose_worker_was_killed_is_run_again_and_fails_in_the_end() -> None:
    long_ago = timezone.now() - ABANDONED_AFTER * 2
    fresh, abandoned, hopeless = (clean_up.enqueue().id for _ in range(3))
    results = DBTaskResult.objects.filter
    results(pk=fresh).update(status=RUNNING, started_at=timezone.now())
    results(pk=abandoned).update(status=RUNNING, started_at=long_ago, worker_ids=["a"])
    results(pk=hopeless).update(
        status=RUNNING, started_at=long_ago, worker_ids=["a"] * MAX_ATTEMPTS
    )
    clean_up.call()
    statuses = {str(pk): status for pk, status in results().values_list("pk", "status")}
    assert statuses == {fresh: RUNNING, abandoned: READY, hopeless: TaskResultStatus.FAILED}
    run_worker()
    assert results(pk=abandoned, status=TaskResultStatus.SUCCESSFUL).exists()


def test_old_results_are_deleted() -> None:
    old, recent = clean_up.enqueue().id, clean_up.enqueue().id
    run_worker()
    DBTaskResult.objects.filter(pk=old).update(finished_at=timezone.now() - KEEP_RESULTS * 2)
    clean_up.call()
    assert [str(pk) for pk in DBTaskResult.objects.values_list("pk", flat=True)] == [recent]


def test_jobs_are_shown_in_the_admin(client: Client, staff: User) -> None:
    clean_up.enqueue()
    client.force_login(staff)
    page = client.get("/admin/django_tasks_database/dbtaskresult/")
    assert "clean_up" in page.content.decode()
