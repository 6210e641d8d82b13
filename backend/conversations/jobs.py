"""Background jobs: enqueued in the database, run by `backend.worker`, shown in the admin.

A job must be idempotent and take less than `ABANDONED_AFTER`: a job whose worker was killed is run
again. django-tasks has no schedule of its own, so the heartbeat of every server process calls
`enqueue_periodic_jobs`; one row per job decides which of them enqueues it.
"""

import logging
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django_tasks import TaskResultStatus, task
from django_tasks.base import Task
from django_tasks_db.models import DBTaskResult

from backend.accounts import tickets
from backend.conversations import deleting, earlier_release, lifecycle, retention, spool_replay
from backend.conversations.models import PeriodicJob
from backend.conversations.spool import database_tag
from backend.database import now_sql, placeholders, rows_of
from backend.telemetry.logs import log_event

CLEAN_UP_EVERY = timedelta(minutes=5)
DEAD_CALL_AGE = timedelta(minutes=1)
"""A running server ends dead calls at its next heartbeat and notifies the listeners, which this job
cannot: it runs in another process. So the job ends only those that no server has ended."""
ABANDONED_AFTER = timedelta(minutes=10)
MAX_ATTEMPTS = 3
KEEP_RESULTS = timedelta(days=7)

log = logging.getLogger(__name__)


@task()
def clean_up() -> None:
    """Delete what has expired; end dead calls; retry or fail abandoned jobs.

    What expires: tickets, job results, the sessions that their users have deleted, and those that
    are older than the owner keeps them. First of all it stores what dead servers have left in their
    spools.
    """
    _replay_spools()
    if completed := earlier_release.complete_rows():
        log_event(log, logging.INFO, "rows.completed", count=completed)
    if expired := tickets.delete_expired():
        log_event(log, logging.INFO, "tickets.expired", count=expired)
    if reaped := lifecycle.reap(DEAD_CALL_AGE):
        log_event(log, logging.WARNING, "calls.reaped", count=len(reaped))
    if abandoned := _requeue_abandoned_jobs():
        log_event(log, logging.WARNING, "jobs.abandoned", count=abandoned)
    _delete_old_results()
    if purged := deleting.purge():
        log_event(log, logging.INFO, "sessions.purged", count=purged)
    if expired_sessions := retention.delete_expired():
        log_event(log, logging.INFO, "sessions.expired", count=expired_sessions)


Job = Task[[], None]
SCHEDULE: dict[str, tuple[Job, timedelta]] = {clean_up.name: (clean_up, CLEAN_UP_EVERY)}
"""The periodic jobs by name, each with its interval."""


def _replay_spools() -> None:
    """Store what dead servers have left, also where no server runs that could do it."""
    folder = Path(settings.SPOOL_DIR)
    try:
        spool_replay.tidy(folder)
        spool_replay.replay(folder, database_tag(settings.DATABASES["default"]))
    except OSError as error:
        log_event(log, logging.ERROR, "spool.replay_failed", error=type(error).__name__)


def schedule(job: Job, every: timedelta) -> None:
    """Have servers enqueue this job periodically. For apps above this one, when they are ready."""
    SCHEDULE[job.name] = (job, every)


def enqueue_periodic_jobs() -> bool:
    """Enqueue the periodic jobs that are due and not pending. Returns whether any was enqueued."""
    later = _not_due()
    due = [each for name, each in SCHEDULE.items() if name not in later]
    enqueued = [_enqueue_if_due(job, every) for job, every in due]
    return any(enqueued)


def are_due() -> bool:
    """Whether a periodic job may be due, so that `enqueue_periodic_jobs` has something to do."""
    return len(_not_due()) < len(SCHEDULE)


def _not_due() -> set[str]:
    """The names of the periodic jobs that are not due yet. Every server asks at each heartbeat."""
    rows = rows_of(
        f"SELECT name FROM {PeriodicJob._meta.db_table}"
        f" WHERE name IN ({placeholders(SCHEDULE)}) AND due_at > {now_sql()}",
        tuple(SCHEDULE),
    )
    return {name for (name,) in rows}


def _enqueue_if_due(job: Job, every: timedelta) -> bool:
    """Enqueue the job if it is due and none of it is pending. Returns whether it was enqueued.

    One UPDATE decides, so that of any number of processes one enqueues it. While no worker runs, at
    most one job waits.
    """
    with transaction.atomic():
        first = PeriodicJob(name=job.name, due_at=timezone.now() - every)
        PeriodicJob.objects.bulk_create([first], ignore_conflicts=True)
        is_mine = PeriodicJob.objects.filter(name=job.name, due_at__lte=Now()).update(
            due_at=Now() + every
        )
        if not is_mine or _is_pending(job.module_path):
            return False
        job.enqueue()
    return True


def _is_pending(task_path: str) -> bool:
    """Whether a job of this kind waits or runs. One whose worker was killed does not count."""
    started_after = timezone.now() - ABANDONED_AFTER
    running = Q(status=TaskResultStatus.RUNNING, started_at__gt=started_after)
    jobs = DBTaskResult.objects.filter(task_path=task_path)
    return jobs.filter(Q(status=TaskResultStatus.READY) | running).exists()


def _requeue_abandoned_jobs() -> int:
    """Enqueue jobs again whose worker was killed. Returns the number of abandoned jobs.

    After `MAX_ATTEMPTS` a job fails for good: it may be what kills the workers.
    """
    now = timezone.now()
    abandoned = DBTaskResult.objects.filter(
        status=TaskResultStatus.RUNNING, started_at__lt=now - ABANDONED_AFTER
    )
    with transaction.atomic():
        jobs = list(abandoned.select_for_update(skip_locked=True))
        for job in jobs:
            if len(job.worker_ids) < MAX_ATTEMPTS:
                job.status = TaskResultStatus.READY
            else:
                job.status = TaskResultStatus.FAILED
                job.finished_at = now
                job.traceback = f"The worker stopped during each of {MAX_ATTEMPTS} attempts."
            job.save(update_fields=["status", "finished_at", "traceback"])
    return len(jobs)


def _delete_old_results() -> None:
    old = timezone.now() - KEEP_RESULTS
    DBTaskResult.objects.finished().filter(finished_at__lt=old).delete()
