"""What is checked before the server listens. Each check ends the process with a sentence."""

import logging
import sys

from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.db import Error as DatabaseError
from django.db import connections
from django.utils.module_loading import import_string

from backend.telemetry.logs import log_event

_logger = logging.getLogger(__name__)


def run_system_checks() -> None:
    """Run Django's system checks: log the warnings, exit on an error."""
    messages = [message for message in run_checks() if not message.is_silenced()]
    if errors := [message for message in messages if message.is_serious()]:
        sys.exit("Kaiwa cannot start. " + " ".join(map(_text_with_hint, errors)))
    for message in messages:
        # Not `log_event`: the checks write whole sentences, which do not fit into its fields.
        _logger.warning("check.warned %s %s", message.id, _text_with_hint(message))


def disable_demo_users() -> None:
    """Without `DEBUG`, disable the logins whose passwords `make run` has printed.

    Exits if the database cannot do that: a server that started without it would not report it to
    anybody.
    """
    if settings.DEBUG:
        return
    try:
        # Imported by name: models can be imported only after `django.setup()`.
        disabled: int = import_string("backend.accounts.demo.retire_demo_users")()
    except DatabaseError as error:
        sys.exit(
            f"Kaiwa cannot start: the database is away or not migrated ({type(error).__name__})."
            " Check DATABASE_URL, then run: .venv/bin/python manage.py migrate"
        )
    finally:
        connections.close_all()
    if disabled:
        log_event(_logger, logging.WARNING, "demo.retired", count=disabled)


def _text_with_hint(message: CheckMessage) -> str:
    return f"{message.msg} {message.hint or ''}".rstrip()
