"""`manage.py ensure_admin`: creates the first admin from ADMIN_USERNAME and ADMIN_PASSWORD."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from backend.accounts.first_admin import ensure_first_admin
from backend.settings_table import SettingError


class Command(BaseCommand):
    """Creates the admin if it is missing. Running it again changes nothing."""

    help = "Create the admin of ADMIN_USERNAME and ADMIN_PASSWORD if there is no such user."

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the admin or say why not. Raises CommandError if a setting is not acceptable."""
        try:
            is_new = ensure_first_admin(settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD)
        except SettingError as error:
            raise CommandError(str(error)) from error
        if is_new:
            self.stdout.write(f"Created the admin “{settings.ADMIN_USERNAME}”.")
        elif not settings.ADMIN_PASSWORD:
            self.stdout.write("ADMIN_PASSWORD is empty: no admin was created.")
        else:
            self.stdout.write(f"There is a user “{settings.ADMIN_USERNAME}”: nothing was changed.")
