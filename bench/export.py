"""Measure the export of a long session in each format: time, memory and size.

    python -m bench.export [--turns 2000]

The export is read chunk by chunk, as the server does, from a temporary SQLite database. Memory is
the peak that Python allocated during the export (`tracemalloc`, in a second run, because it slows
the code down), for the session and for one with half of its turns: both must be about the same.
"""

import argparse
import os
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORDS = {
    "user": "パンをください。One loaf of rye, please. ",
    "assistant": "かしこまりました。Of course. ",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one export took."""

    seconds: float
    size_bytes: int
    peak_bytes: int


def filled_session(turns: int) -> Any:
    """Store a session with this many turns, half of them interrupted answers; return it."""
    # Django's models can be imported only after its setup.
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from backend.conversations.models import Session, Turn  # noqa: PLC0415
    from backend.conversations.queries import with_facts  # noqa: PLC0415

    user, _ = User.objects.get_or_create(username="bench")
    session = Session.objects.create(user=user, title="会話", model="m", voice="v")
    now = timezone.now()
    rows = []
    for number in range(turns):
        role = "assistant" if number % 2 else "user"
        text = WORDS[role] * 4
        is_cut = role == "assistant"
        rows.append(
            Turn(
                session=session,
                item_id=f"item_{number}",
                role=role,
                modality="voice",
                status="interrupted" if is_cut else "completed",
                text=text,
                heard_text=text[:20] if is_cut else None,
                heard_ms=1500 if is_cut else None,
                position=number,
                started_at=now,
                completed_at=now,
            )
        )
    Turn.objects.bulk_create(rows, batch_size=500)
    return with_facts(Session.objects.all()).get(pk=session.pk)


def measured(session: Any, format_name: str) -> Measured:
    """Export the session twice: once for the time, once for the memory."""
    from backend.conversations.exports.export_session import export_session  # noqa: PLC0415

    started_at = time.perf_counter()
    size_bytes = sum(len(chunk) for chunk in export_session(session, format_name).chunks)
    seconds = time.perf_counter() - started_at
    tracemalloc.start()
    for _ in export_session(session, format_name).chunks:
        pass
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Measured(seconds, size_bytes, peak_bytes)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the export of a long session.")
    parser.add_argument("--turns", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DEBUG="on",
            DATABASE_URL=f"sqlite:///{Path(folder)}/bench.sqlite3",
            DJANGO_SETTINGS_MODULE="backend.settings",
        )
        import django  # noqa: PLC0415

        django.setup()
        # DEBUG is for the settings' defaults only: it would keep every query in memory.
        from django.conf import settings  # noqa: PLC0415
        from django.core.management import call_command  # noqa: PLC0415
        from django.db import connection  # noqa: PLC0415

        settings.DEBUG = False
        call_command("migrate", verbosity=0)
        long, short = filled_session(options.turns), filled_session(options.turns // 2)
        from backend.conversations.exports.export_session import FORMATS  # noqa: PLC0415

        print(f"{'format':8} {'ms':>6} {'KiB':>7} {'peak KiB':>9} {'peak KiB of half':>17}")
        for name in FORMATS:
            measured(short, name)
            took, half = measured(long, name), measured(short, name)
            print(
                f"{name:8} {took.seconds * 1000:6.0f} {took.size_bytes / 1024:7.0f}"
                f" {took.peak_bytes / 1024:9.0f} {half.peak_bytes / 1024:17.0f}"
            )
        connection.close()


if __name__ == "__main__":
    main()
