"""The worker's health check. `tests/deployment/` runs the worker itself."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from backend import worker
from backend.conversations.jobs import ABANDONED_AFTER, clean_up

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("waited", "exit_code"),
    [(timedelta(0), 0), (ABANDONED_AFTER, 1)],
    ids=["just enqueued", "for too long"],
)
def test_a_job_that_waits_for_too_long_is_a_failure(
    waited: timedelta, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    clean_up.enqueue()
    DBTaskResult.objects.update(enqueued_at=timezone.now() - waited)
    assert worker.check() == exit_code
    printed = capsys.readouterr().out
    assert printed == ("1 jobs have waited for too long: no worker takes them.\n" * exit_code)


def test_without_jobs_it_is_well() -> None:
    assert worker.check() == 0
