"""The worker for background jobs, as a service of its own.

    python -m backend.worker            run jobs until SIGTERM; a job that runs is finished first
    python -m backend.worker --check    exit with 1 if jobs wait and no worker takes them

It is `manage.py db_worker` after the server's start-up checks. The second form is the container's
health check.
"""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import django
from django.core.management import call_command
from django.db import DatabaseError, connections
from django.utils import timezone
from django.utils.module_loading import import_string

from backend import __version__
from backend.serving.before_listening import run_system_checks
from backend.serving.database_check import exit_unless_migrated
from backend.telemetry.logs import log_event

INTERVAL_S = 1.0
"""How often the worker looks for a job while there is none."""

# Not `__name__`, which is `__main__` here.
_logger = logging.getLogger("backend.worker")


def main(arguments: Sequence[str]) -> int:
    """Run jobs until a signal, or check once. Returns the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()
    try:
        return check() if arguments == ["--check"] else run()
    except DatabaseError as error:
        # The supervisor starts another worker; a job that was running is run again.
        sys.exit(f"The worker stops: the database is away ({type(error).__name__}).")
    finally:
        connections.close_all()


def run() -> int:
    """Run jobs until a signal. Exits with a sentence if a setting or the database is not right."""
    run_system_checks()
    exit_unless_migrated()
    # `db_worker` installs its own handler a moment later.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log_event(_logger, logging.INFO, "worker.starting", version=__version__, pid=os.getpid())
    # Verbosity 0: the admin lists the jobs with their results.
    call_command("db_worker", reload=False, interval=INTERVAL_S, verbosity=0)
    return 0


def check() -> int:
    """Return 1 and print a sentence if a job has waited longer than any job may run."""
    if count := overdue_jobs():
        print(f"{count} jobs have waited for too long: no worker takes them.")
        return 1
    return 0


def overdue_jobs() -> int:
    """Return how many jobs have waited for longer than `ABANDONED_AFTER`."""
    # Imported by name: models can be imported only after `django.setup()`.
    jobs: Any = import_string("django_tasks_db.models.DBTaskResult").objects
    longest = import_string("backend.conversations.jobs.ABANDONED_AFTER")
    count: int = jobs.ready().filter(enqueued_at__lt=timezone.now() - longest).count()
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
