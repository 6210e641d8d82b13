"""`manage.py erase_person`: deletes a person for good; what was spent stays, without the name."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.conversations.management.commands.export_person import find_user
from backend.conversations.person_erasure import (
    ErasureRefused,
    StillOnDisk,
    belongings_of,
    erase_person,
)


class Command(BaseCommand):
    """Shows what would go and asks for the name again, unless `--yes` is given."""

    help = (
        "Erase one person: account, conversations, recordings. What was spent stays, without the"
        " name. It cannot be undone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The username, and how much to ask."""
        parser.add_argument("username")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be erased")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase. Raises CommandError if there is no such user, if the erasure is refused, or if
        words may still be readable in SQLite's file.
        """
        user = find_user(options["username"])
        found = belongings_of(user)
        self.stdout.write(
            f"“{user.get_username()}” (id {user.pk}): {found.sessions} conversations with"
            f" {found.turns} turns, {found.calls} calls, {found.tapes} tapes."
            f" {found.usages} rows of what was spent stay, without the name."
        )
        if options["dry_run"]:
            return
        if not options["yes"] and not self._is_confirmed(user.get_username()):
            raise CommandError("Nothing was erased.")
        try:
            erase_person(user, time.sleep, self._on_progress)
        except (ErasureRefused, StillOnDisk) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            "Erased. Backups and the provider's own records keep what they have until they expire."
        )

    def _is_confirmed(self, username: str) -> bool:
        try:
            return input("Write the username to erase it for good: ") == username
        except EOFError:
            return False

    def _on_progress(self, done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            self.stderr.write(f"{done} of {total} conversations")
