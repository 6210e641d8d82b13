"""The use case: export everything that is kept of one person, as one ZIP archive.

    person.json                  the account, its budget, the ledger of what was spent, figures of
                                 calls, reviews, audit rows
    person.txt                   the same for reading
    conversations/<name>.json    each conversation as data: turns, calls, usage
    conversations/<name>.txt     the same for reading
    tapes/<call id>.jsonl        recordings of calls, where `TAPE_DIR` has any

Conversations that the person has deleted and that are still restorable are in it too. Passwords,
tokens and tickets are not: they are secrets, not facts about the person.
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet

from backend.audit.models import AuditEntry
from backend.conversations.exports.archive import unique_name
from backend.conversations.exports.export_session import export_session
from backend.conversations.models import Call, ReviewNote, Session, Usage
from backend.conversations.person_as_text import person_as_text
from backend.conversations.queries import with_facts
from backend.conversations.tape_files import tape_path

FORMATS = ("json", "txt")
ROWS = 500


def export_person(
    user: User, path: Path, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Write the archive to `path`, which only this system user may read. Returns the sessions.

    `on_progress` receives how many sessions are written, and of how many. Raises FileExistsError if
    there is such a file, and OSError. Nothing is left behind if it fails.
    """
    path.touch(mode=0o600, exist_ok=False)
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            facts = _person(user)
            archive.writestr("person.json", _json(facts))
            archive.writestr("person.txt", person_as_text(facts))
            return _add_sessions(archive, user, on_progress)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _add_sessions(
    archive: zipfile.ZipFile, user: User, on_progress: Callable[[int, int], None]
) -> int:
    own = Session.with_deleted.filter(user=user)
    session_ids = list(own.order_by("created_at", "pk").values_list("pk", flat=True))
    taken: set[str] = set()
    for number, session_id in enumerate(session_ids, 1):
        session = with_facts(own.select_related("user")).filter(pk=session_id).first()
        if session is None:
            continue
        for format_name in FORMATS:
            export = export_session(session, format_name)
            name = unique_name(export.filename, taken)
            with archive.open(f"conversations/{name}", "w") as file:
                for chunk in export.chunks:
                    file.write(chunk)
        for call_id in Call.objects.filter(session=session_id).values_list("pk", flat=True):
            tape = tape_path(call_id)
            if tape is not None and tape.is_file():
                archive.write(tape, f"tapes/{tape.name}")
        on_progress(number, len(session_ids))
    return len(session_ids)


def _person(user: User) -> dict[str, Any]:
    """The facts about the account, and every row outside the conversations about the person."""
    return {
        "id": user.pk,
        "username": user.get_username(),
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "date_joined": user.date_joined,
        "last_login": user.last_login,
        "groups": list(user.groups.order_by("name").values_list("name", flat=True)),
        "usage": list(_usages(user)),
        **{name: list(_rows_above(user, *each)) for name, each in _ROWS_ABOVE.items()},
        "reviews": list(
            ReviewNote.objects.filter(Q(session__user=user) | Q(reviewer=user)).values(
                "session_id", "reviewer_name", "reviewed_at", "note"
            )
        ),
        "audit": list(
            AuditEntry.objects.filter(Q(owner_id=user.pk) | Q(actor_id=user.pk)).values(
                "at", "actor_id", "action", "target_type", "target", "owner_id"
            )
        ),
    }


_ROWS_ABOVE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "budgets": (
        "spending.Budget",
        ("usd_per_month", "minutes_per_day", "calls_at_once", "calls_per_hour"),
    ),
    "deleted_talk": ("spending.DeletedTalk", ("started_at", "ended_at")),
    "ephemeral_keys": (
        "direct.EphemeralKey",
        ("created_at", "expires_at", "provider", "model", "voice"),
    ),
    "call_figures": (
        "reports.CallFigures",
        ("call_id", "day", "provider", "model", "call_ms", "turns", "ending", "first_sound"),
    ),
    "daily_figures": (
        "reports.DailyFigures",
        (
            "day", "provider", "model", "calls", "call_ms", "turns", "answers", "tokens_in",
            "tokens_cached", "tokens_out", "cost_usd", "unpriced", "estimated", "endings",
            "first_sound",
        ),
    ),
}  # fmt: skip
"""The models of packages above this one with rows about a person, and the columns of each."""


def _rows_above(user: User, label: str, columns: Sequence[str]) -> QuerySet[Any, dict[str, Any]]:
    """The rows of this model about the user. Found by its label: it cannot be imported here."""
    rows: QuerySet[Any] = apps.get_model(label)._default_manager.filter(user_id=user.pk)
    return rows.order_by("pk").values(*columns)


def _usages(user: User) -> Iterator[dict[str, Any]]:
    rows = Usage.objects.filter(user=user).order_by("pk")
    columns = rows.values(
        "created_at", "session_id", "call_id", "kind", "model", "text_in", "text_in_cached",
        "audio_in", "audio_in_cached", "image_in", "image_in_cached", "text_out", "audio_out",
        "seconds", "cost_usd", "price_date", "is_estimated",
    )  # fmt: skip
    yield from map(dict, columns.iterator(ROWS))


def _json(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
