"""Saves the migrated SQLite database for later runs, and the rows of `migrate` for each flush.

Our and Django's migrations take 2 s of processor time in each run; a copy of a database that they
made before is the same. On PostgreSQL the migrations run each time.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import django
from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.db.models.signals import post_migrate


def saved_database(folder: Path) -> Path:
    """Return the file in `folder` for a database with the migrations as they are now."""
    digest = hashlib.sha256(f"{django.VERSION} {sqlite3.sqlite_version}".encode())
    for path in _migrations():
        digest.update(path.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return folder / f"{digest.hexdigest()}.sqlite3"


def _migrations() -> Iterator[Path]:
    for app in apps.get_app_configs():
        yield from sorted(Path(app.path, "migrations").glob("*.py"))


def save(connection: BaseDatabaseWrapper, path: Path) -> None:
    """Copy the database to `path` and remove older copies. Other runs may do the same now."""
    for older in path.parent.glob("*.sqlite3"):
        older.unlink(missing_ok=True)
    with NamedTemporaryFile(dir=path.parent, delete=False) as file:
        unfinished = Path(file.name)
    connection.ensure_connection()
    with closing(sqlite3.connect(unfinished)) as copy:
        connection.connection.backup(copy)
    unfinished.replace(path)


class RowsOfMigrate:
    """The content types, permissions and groups of `migrate`, to store again after a flush.

    A test whose transactions are real ends with Django's flush, which empties all tables and sends
    `post_migrate`. Django's receivers then look for each row that may be missing, which takes
    50 ms. The rows are always the same.
    """

    def __init__(self) -> None:
        self._types = list(ContentType.objects.order_by("pk"))
        self._permissions = list(Permission.objects.order_by("pk"))
        self._groups = list(Group.objects.order_by("pk"))
        self._grants = list(Group.permissions.through.objects.order_by("pk"))

    def replace_receivers(self) -> None:
        """Store the rows at `post_migrate`, instead of looking for missing ones."""
        post_migrate.disconnect(create_contenttypes)
        post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
        post_migrate.connect(self._store, sender=apps.get_app_config("auth"), weak=False)

    def restore_receivers(self) -> None:
        """Undo `replace_receivers`."""
        auth = apps.get_app_config("auth")
        post_migrate.disconnect(self._store, sender=auth)
        post_migrate.connect(create_contenttypes)
        post_migrate.connect(
            create_permissions, dispatch_uid="django.contrib.auth.management.create_permissions"
        )

    def _store(self, sender: AppConfig, using: str = DEFAULT_DB_ALIAS, **_others: Any) -> None:
        grants = Group.permissions.through
        stored: list[tuple[type[Model], list[Any]]] = [
            (ContentType, self._types),
            (Permission, self._permissions),
            (Group, self._groups),
            (grants, self._grants),
        ]
        for model, rows in stored:
            model._default_manager.using(using).bulk_create(rows, ignore_conflicts=True)
        connection = connections[using]
        models = [model for model, _ in stored]
        statements = connection.ops.sequence_reset_sql(no_style(), models)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
