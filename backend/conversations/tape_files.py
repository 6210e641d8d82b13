"""The tapes of calls in `TAPE_DIR`: where each one is, and that it is deleted with its call.

A tape holds the sound and the words of its call, so no way of deleting a call may leave it.
"""

import logging
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete

from backend.conversations.models import Call
from backend.telemetry.logs import log_event

_log = logging.getLogger(__name__)


def tape_path(call_id: UUID | str) -> Path | None:
    """Return the path of this call's tape; None if `TAPE_DIR` is not set. It need not exist."""
    return Path(settings.TAPE_DIR) / f"{call_id}.jsonl" if settings.TAPE_DIR else None


def connect_signals() -> None:
    """Delete each call's tape at the commit that deletes its row, also by a cascade."""
    post_delete.connect(_after_call_deleted, sender=Call)


def _after_call_deleted(instance: Call, using: str, **_: Any) -> None:
    if (path := tape_path(instance.pk)) is not None:
        transaction.on_commit(partial(_delete, path, instance.pk), using=using)


def _delete(path: Path, call_id: UUID) -> None:
    """Delete the file. A call that still runs goes on writing to a file without a name."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log_event(
            _log, logging.ERROR, "tape.not_deleted", call_id=call_id, error=type(error).__name__
        )
