"""`manage.py export_person`: everything that is kept of one person, as a ZIP archive."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from backend.audit.models import Action, record_command
from backend.conversations.person_export import export_person


class Command(BaseCommand):
    """Writes the archive and says where it is. Changes nothing but the audit."""

    help = "Export everything that is kept of one person: JSON and readable text in a ZIP archive."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The username, and the archive's path."""
        parser.add_argument("username")
        parser.add_argument(
            "--output", type=Path, help="the archive to write; by default <user id>.zip here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Export. Raises CommandError for an unknown user or a path that cannot be written."""
        user = find_user(options["username"])
        path: Path = options["output"] or Path(f"{user.pk}.zip")
        try:
            sessions = export_person(user, path, self._on_progress)
        except FileExistsError as error:
            raise CommandError(f"{path} exists already. Write another --output.") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        record_command(Action.PERSON_EXPORTED, "user", user.pk)
        self.stdout.write(f"Wrote {path}: {sessions} conversations. It is as secret as they are.")

    def _on_progress(self, done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            self.stderr.write(f"{done} of {total} conversations")


def find_user(username: str) -> User:
    """Return the user of this name. Raises CommandError."""
    try:
        return User.objects.get_by_natural_key(username)
    except User.DoesNotExist as error:
        raise CommandError(f"There is no user “{username}”.") from error
