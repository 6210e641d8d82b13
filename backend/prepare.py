"""Prepares the database for this release: migrations, then the first admin.

    python -m backend.prepare

It runs before the servers of a release start, with the same settings, and makes all of their
start-up checks: a wrong setting stops here, once, and no server starts (docker-compose.yml). Any
number of replicas may run it at once, since it holds a lock of the database meanwhile.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.migrations.exceptions import InconsistentMigrationHistory

from backend.serving.before_listening import run_system_checks
from backend.serving.database_check import exit_unless_reachable, separate_connection

LOCK = int.from_bytes(b"kaiwa.mg", "big")
"""The key of PostgreSQL's advisory lock: any number that nothing else in the database uses."""
LOCK_POLL_S = 0.25
BUSY_TABLE_WAIT_MS = 10_000
"""How long a migration waits for a table that running servers use. A longer wait would make all of
their queries wait behind it."""


def main() -> int:
    """Check, migrate, create the admin. Returns 0; exits with a sentence if a part fails."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()
    run_system_checks()
    connection = connections["default"]
    lift_time_limits(connection)
    try:
        exit_unless_reachable(connection)
        with one_at_a_time(connection):
            migrate()
    finally:
        connections.close_all()
    return 0


def migrate() -> None:
    """Run the migrations and create the admin. Exits with a sentence if one of them fails."""
    try:
        call_command("migrate", interactive=False)
        call_command("ensure_admin")
    except CommandError as error:
        sys.exit(f"Kaiwa cannot start. {error}")
    except InconsistentMigrationHistory as error:
        sys.exit(f"Kaiwa cannot start: {error} Restore the backup from before the upgrade.")
    except DatabaseError as error:
        sys.exit(
            f"Kaiwa cannot start: a migration failed ({type(error).__name__}) and was undone; the"
            " database's log has the reason. Run this again, or go back to the earlier release."
        )


def lift_time_limits(connection: BaseDatabaseWrapper) -> None:
    """Let this process's statements take as long as they need. Call it before the first query.

    A server's statements have 5 s; a migration may rewrite a large table.
    """
    if connection.vendor != "postgresql":
        return
    options = connection.settings_dict["OPTIONS"]
    options.pop("pool", None)
    options["options"] = f"-c lock_timeout={BUSY_TABLE_WAIT_MS}"


@contextmanager
def one_at_a_time(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold the lock; wait until another process gives it back. SQLite has none, and one replica.

    The lock belongs to a connection of its own, which is closed at the end; it is given back also
    if this process is killed.
    """
    if connection.vendor != "postgresql":
        yield
        return
    holder = separate_connection(connection)
    try:
        with holder.cursor() as cursor:
            if not _has_locked(cursor):
                print("Another process is migrating the database: waiting for it.", flush=True)
                # Not in one statement that waits: CREATE INDEX CONCURRENTLY waits for the end of
                # each statement that began before it, and both would wait for ever.
                while not _has_locked(cursor):
                    time.sleep(LOCK_POLL_S)
        yield
    finally:
        holder.close()


def _has_locked(cursor: CursorWrapper) -> bool:
    """Try to take the lock, and return whether this process has it now."""
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
    (has_locked,) = cursor.fetchone()
    return bool(has_locked)


if __name__ == "__main__":
    sys.exit(main())
