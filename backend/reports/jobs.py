"""The periodic job that keeps the figures of each day up to date."""

import time
from datetime import timedelta

from django_tasks import task

from backend.reports.roll_up import roll_up

ROLL_UP_EVERY = timedelta(minutes=10)
BUDGET_S = 60.0
"""After this time a run begins no further day: a job must be short, others wait for its worker."""


@task()
def roll_up_days() -> None:
    """Compute the days that have changed, and older ones for up to `BUDGET_S`."""
    out_of_time_at = time.monotonic() + BUDGET_S
    roll_up(lambda: time.monotonic() >= out_of_time_at)
