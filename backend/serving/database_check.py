"""Checks at start that the database can be used. Each problem is one sentence, and ends the start.

A server that started with a database that is away, too old or not migrated would refuse every call
and show the reason only in the log of each.
"""

import logging
import sqlite3
import sys

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import NotSupportedError

from backend.telemetry.logs import log_event

HOW_TO_MIGRATE = (
    "Run the migrations: .venv/bin/python -m backend.prepare"
    " (with Compose: docker compose run --rm migrate)"
)

SQLITE_NEEDED = (3, 35, 0)
"""The first SQLite with `RETURNING`, which calls use; Django's own minimum is lower."""

# Parts of what libpq, psycopg and SQLite say, and the sentence for them; the first that fits. Their
# own text is not shown: it is several lines long and repeats the address for each attempt.
_REASONS = (
    ("password authentication failed", "the database refuses the user or the password"),
    ("no password supplied", "the database asks for a password"),
    ("does not exist", "the database server has no database or user of that name"),
    ("resolve host", "the database's host name is unknown"),
    ("translate host name", "the database's host name is unknown"),
    ("refused", "nothing listens at the database's address"),
    ("timeout", "the database's host does not answer"),
    ("timed out", "the database's host does not answer"),
    ("starting up", "the database is still starting"),
    ("too many clients", "the database has no free connection"),
    ("connection slots", "the database has no free connection"),
    ("unable to open database file", "the database file cannot be opened"),
    ("not a database", "the file is not a database"),
)

_logger = logging.getLogger(__name__)


def exit_unless_reachable(connection: BaseDatabaseWrapper) -> None:
    """Exit with a sentence if the database does not answer or is too old."""
    if connection.vendor == "sqlite" and (problem := sqlite_problem(sqlite3.sqlite_version_info)):
        sys.exit(f"Kaiwa cannot start: {problem}")
    try:
        connection.ensure_connection()
    except NotSupportedError as error:
        # The text is Django's own: "PostgreSQL 14 or later is required (found 13.2)."
        sys.exit(f"Kaiwa cannot start: {error} Upgrade the server that DATABASE_URL names.")
    except DatabaseError as error:
        sys.exit(f"Kaiwa cannot start: {connection_problem(str(error))}. Check DATABASE_URL.")


def exit_unless_migrated() -> None:
    """Exit with a sentence unless the database answers and has every migration of this release."""
    # The pool logs each attempt and raises only that none came in time, without the reason.
    connection = separate_connection(connections["default"])
    try:
        exit_unless_reachable(connection)
        if problem := migration_problem(connection):
            sys.exit(f"Kaiwa cannot start: {problem}")
    except DatabaseError as error:
        sys.exit(
            f"Kaiwa cannot start: the migrations cannot be read ({type(error).__name__})."
            " Check that DATABASE_URL names Kaiwa's database and its owner."
        )
    finally:
        connection.close()


def separate_connection(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Return a new connection to the same database, not opened yet and outside the pool."""
    separate: BaseDatabaseWrapper = connection.copy()
    separate.settings_dict["OPTIONS"].pop("pool", None)
    return separate


def sqlite_problem(version: tuple[int, ...]) -> str:
    """Return what is wrong with this version of SQLite and what to do; empty if nothing is."""
    if version >= SQLITE_NEEDED:
        return ""
    needed, found = (".".join(map(str, each)) for each in (SQLITE_NEEDED, version))
    return (
        f"SQLite {needed} or later is required (found {found}). Use a Python with a newer one, or"
        " PostgreSQL (DATABASE_URL)."
    )


def connection_problem(text: str) -> str:
    """Return a clause that says why a connection failed, from the text of the driver's error."""
    fitting = (reason for part, reason in _REASONS if part in text)
    return next(fitting, "the database cannot be used")


def migration_problem(connection: BaseDatabaseWrapper) -> str:
    """Return what is wrong with the database's migrations and what to do; empty if nothing is.

    A database that is newer than this release is only logged: a release also runs on the database
    of the next one, so that an upgrade can be rolled back (docs/operations/upgrade.md).
    """
    executor = MigrationExecutor(connection)
    loader = executor.loader
    try:
        loader.check_consistent_history(connection)
    except InconsistentMigrationHistory as error:
        return f"{error} Restore the backup from before the upgrade."
    plan = executor.migration_plan(loader.graph.leaf_nodes())
    if plan:
        first = plan[0][0]
        return (
            f"{len(plan)} migrations are not applied to the database, such as"
            f" {first.app_label}.{first.name}. {HOW_TO_MIGRATE}"
        )
    known = set(loader.disk_migrations or ())
    newer = [
        (app, name)
        for app, name in (loader.applied_migrations or {})
        if app in loader.migrated_apps and (app, name) not in known
    ]
    if newer:
        log_event(_logger, logging.WARNING, "database.newer", count=len(newer))
    return ""
