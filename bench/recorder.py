"""Measure the processor time of a batch of the recorder: growing turns of many calls at once.

    python -m bench.recorder

Prints, for batches of 1, 10 and 100 calls, the median of the thread's processor time: of turns that
grow, with a new connection for each batch and with one that is kept; with that, also of new turns
that are whole and of usages, one for each call. The database is a temporary SQLite file. SQLite
runs in the same thread, so its time is in it.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
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
        print("(ms of processor time for a batch)")
        print("calls   growing, new connection   growing   whole turns   usages")
        for size in SIZES:
            calls = _open_calls(size)
            figures = [
                _median_ms(_growing(calls, "new"), is_kept=False),
                _median_ms(_growing(calls, "kept")),
                _median_ms(_whole(calls)),
                _median_ms(_usages(calls)),
            ]
            print(f"{size:5}   {figures[0]:23.2f}   {figures[1]:7.2f}   {figures[2]:11.2f}", end="")
            print(f"   {figures[3]:6.2f}")


_Batch = Callable[[int], list[Any]]
"""The writes of the batch of this number."""


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


def _median_ms(batch: _Batch, *, is_kept: bool = True) -> float:
    from django.db import connection  # noqa: PLC0415

    from backend.conversations.writing import write  # noqa: PLC0415

    times = []
    for number in range(BATCHES):
        if not is_kept:
            connection.close()
        writes = batch(number)
        began_s = time.thread_time()
        write(writes)
        times.append(time.thread_time() - began_s)
    return statistics.median(times) * 1000


def _growing(calls: list[Any], name: str) -> _Batch:
    """Of each call a turn that grows, and after a few batches the next one."""
    from backend.protocol.transcript.turns import TurnStatus  # noqa: PLC0415

    def batch(number: int) -> list[Any]:
        turn, growth = divmod(number, WRITES_OF_TURN)
        text = TEXT[: 20 + growth * 12]
        return [_turn(call, f"{name}_{turn}", turn, text, TurnStatus.IN_PROGRESS) for call in calls]

    return batch


def _whole(calls: list[Any]) -> _Batch:
    """Of each call a new turn that is whole."""
    from backend.protocol.transcript.turns import TurnStatus  # noqa: PLC0415

    def batch(number: int) -> list[Any]:
        return [
            _turn(call, f"whole_{number}", 1000 + number, TEXT, TurnStatus.COMPLETED)
            for call in calls
        ]

    return batch


def _turn(call: Any, name: str, position: int, text: str, status: Any) -> Any:
    """A turn with an id of its own: providers give no id twice."""
    from backend.conversations.writing import TurnWrite  # noqa: PLC0415
    from backend.protocol.transcript.turns import Modality, Role, Turn  # noqa: PLC0415

    turn = Turn(
        f"{name}_{call.pk.hex}", 0, Role.ASSISTANT, Modality.VOICE, text, status, position,
        started_at=call.started_at,
    )  # fmt: skip
    return TurnWrite(call.session_id, call.pk, 0, turn)


def _usages(calls: list[Any]) -> _Batch:
    """Of each call the usage of an answer."""
    from backend.conversations.ledger import UsageWrite  # noqa: PLC0415
    from backend.protocol.usage import Usage  # noqa: PLC0415

    def batch(number: int) -> list[Any]:
        return [
            UsageWrite(
                call.session_id, call.pk, "gpt-realtime",
                Usage(f"resp_{number}_{call.pk.hex}", "response", text_in=119, audio_out=91),
            )
            for call in calls
        ]  # fmt: skip

    return batch


if __name__ == "__main__":
    main()
