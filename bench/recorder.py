"""Measure the processor time of a batch of the recorder: growing turns of many calls at once.

    python -m bench.recorder

Prints, for batches of 1, 10 and 100 turns, the median of the thread's processor time: with a new
connection for each batch, and with one that is kept. The database is a temporary SQLite file.
SQLite runs in the same thread, so its time is in it.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

SIZES = (1, 10, 100)
BATCHES = 60
WRITES_OF_TURN = 5
TEXT = "Orders reach us by telephone and fax. We write them down and type them into a sheet."


def main() -> None:
    """Make a database, write batches, print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DATABASE_URL=f"sqlite:///{folder}/bench.sqlite3",
            DEBUG="off",
            SECRET_KEY=os.urandom(40).hex(),
            ALLOWED_HOSTS="localhost",
            OPENAI_API_KEY="none",
            SPOOL_DIR=str(Path(folder) / "spool"),
            DJANGO_SETTINGS_MODULE="backend.settings",
        )
        # Django's models can be imported only after its setup.
        import django  # noqa: PLC0415

        django.setup()
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        print("turns   new connection   kept connection   (ms of processor time for a batch)")
        for size in SIZES:
            calls = _open_calls(size)
            renewed, kept = (_median_ms(calls, is_kept=is_kept) for is_kept in (False, True))
            print(f"{size:5}   {renewed:14.2f}   {kept:15.2f}")


def _open_calls(number: int) -> list[Any]:
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from backend.conversations.models import Call, Session  # noqa: PLC0415

    now = timezone.now()
    user, _ = User.objects.get_or_create(username="bench")
    return [
        Call.objects.create(
            session=Session.objects.create(user=user, title="Bench", realtime_mode=True),
            worker="bench", model="gpt-realtime", first_position=0, started_at=now, lease_until=now,
        )
        for _ in range(number)
    ]  # fmt: skip


def _median_ms(calls: list[Any], *, is_kept: bool) -> float:
    from django.db import connection  # noqa: PLC0415

    from backend.conversations.writing import write  # noqa: PLC0415

    times = []
    for number in range(BATCHES):
        if not is_kept:
            connection.close()
        batch = _batch(calls, f"{'kept' if is_kept else 'new'}_{number // WRITES_OF_TURN}", number)
        began_s = time.thread_time()
        write(batch)
        times.append(time.thread_time() - began_s)
    return statistics.median(times) * 1000


def _batch(calls: list[Any], item_id: str, number: int) -> list[Any]:
    from backend.conversations.writing import TurnWrite  # noqa: PLC0415
    from backend.protocol.transcript.turns import (  # noqa: PLC0415
        Modality,
        Role,
        Turn,
        TurnStatus,
    )

    text = TEXT[: 20 + number % WRITES_OF_TURN * 12]
    return [
        TurnWrite(
            call.session_id, call.pk, 0,
            Turn(
                item_id, 0, Role.ASSISTANT, Modality.VOICE, text, TurnStatus.IN_PROGRESS,
                number // WRITES_OF_TURN, started_at=call.started_at,
            ),
        )
        for call in calls
    ]  # fmt: skip


if __name__ == "__main__":
    main()
