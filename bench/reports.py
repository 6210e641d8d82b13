"""Measure the admin's page of numbers and the job behind it, with a large database.

    python -m bench.reports [--turns 10000] [--days 90] [--users 50]

Prints how long the job takes for a first day of `--turns` turns, and for the same day again; then
how long the page and its CSV take from figures of `--days` days, `--users` users and three models,
first with those turns in the database and then with ten times as many: they must be about the same.
The database is a temporary SQLite file. Times are processor time, which other load on the machine
changes less; SQLite runs in the same process, so its time is in it.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

MODELS = ("gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime")
TURNS_OF_CALL = 20
REPEATS = 3
PAGE = "/admin/reports/dailyfigures/"


def fill_day(users: list[Any], turns: int, age: int) -> None:
    """Store calls with this many turns, and a ledger row for each second turn, `age` days ago."""
    # Django's models can be imported only after its setup.
    from django.utils import timezone  # noqa: PLC0415

    from backend.conversations.models import Call, Session, Turn, Usage  # noqa: PLC0415

    chance = random.Random(age)
    noon = timezone.now().replace(hour=0, minute=5) - timedelta(days=age)
    owners = [users[number % len(users)] for number in range(turns // TURNS_OF_CALL)]
    sessions = Session.objects.bulk_create(Session(user=user, model=MODELS[0]) for user in owners)
    calls = Call.objects.bulk_create(
        Call(
            session=session, worker="w", model=MODELS[number % len(MODELS)], first_position=0,
            started_at=noon, lease_until=noon, ended_at=noon + timedelta(minutes=3),
            ending="client_left",
        )
        for number, session in enumerate(sessions)
    )  # fmt: skip
    for start in range(0, len(calls), 500):
        chunk = calls[start : start + 500]
        Turn.objects.bulk_create(
            Turn(
                session_id=call.session_id, call=call, item_id=f"item_{number}",
                role="assistant" if number % 2 else "user", modality="voice", text="Of course.",
                status="completed", position=number,
                first_sound_ms=chance.randint(400, 2500) if number % 2 else None,
            )
            for call in chunk
            for number in range(TURNS_OF_CALL)
        )  # fmt: skip
        Usage.objects.bulk_create(
            Usage(
                user_id=call.session.user_id, session_id=call.session_id, call=call,
                source_id=f"resp_{number}", kind="response", model=call.model, audio_in=200,
                audio_out=300, created_at=noon,
            )
            for call in chunk
            for number in range(TURNS_OF_CALL // 2)
        )  # fmt: skip


def fill_figures(users: list[Any], days: int) -> int:
    """Store figures of every day, user and model before today. Returns the number of rows."""
    from django.utils import timezone  # noqa: PLC0415

    from backend.reports.days import day_of  # noqa: PLC0415
    from backend.reports.histogram import Histogram  # noqa: PLC0415
    from backend.reports.models import DailyFigures  # noqa: PLC0415
    from backend.reports.tally import Tally  # noqa: PLC0415

    chance = random.Random(1)
    today = day_of(timezone.now())
    kinds = [
        Tally(
            calls=3, call_ms=540_000, answers=30, cost_usd=Decimal("0.5123"),
            endings=Counter(client_left=2, idle=1),
            first_sound=Histogram.of(int(chance.lognormvariate(6.7, 0.4)) for _ in range(30)),
        ).as_row()
        for _ in range(100)
    ]  # fmt: skip
    rows = [
        DailyFigures(
            day=today - timedelta(days=age), user=user, provider="openai", model=model,
            **chance.choice(kinds),
        )
        for age in range(1, days)
        for user in users
        for model in MODELS
    ]  # fmt: skip
    DailyFigures.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def measured_ms(do: Any, repeats: int = REPEATS) -> float:
    """The median processor time of `do()` in milliseconds."""
    times = []
    for _ in range(repeats):
        started_at = time.process_time()
        do()
        times.append((time.process_time() - started_at) * 1000)
    return statistics.median(times)


def measure(options: argparse.Namespace) -> None:
    """Fill the database, run the job, read the page; print each time."""
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from backend.conversations.models import Turn  # noqa: PLC0415
    from backend.reports.roll_up import roll_up  # noqa: PLC0415

    users = [User.objects.create(username=f"user-{number}") for number in range(options.users)]
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(User.objects.create_superuser("bench"))

    def run_job() -> None:
        roll_up(lambda: False)

    fill_day(users, options.turns, age=0)
    print(f"job, a day of {options.turns:,} new turns: {measured_ms(run_job, 1):.0f} ms")
    print(f"job, the same day again: {measured_ms(run_job):.0f} ms")
    print(f"figures: {fill_figures(users, options.days):,} rows")
    _read_pages(client, Turn.objects.count())
    for age in range(2, 11):
        fill_day(users, options.turns, age)
    _read_pages(client, Turn.objects.count())


def _read_pages(client: Any, turns: int) -> None:
    for path in ("", "csv/"):
        for group in ("all", "model", "user"):
            address = f"{PAGE}{path}?days=90&group={group}"
            assert client.get(address).status_code == 200
            took_ms = measured_ms(lambda address=address: client.get(address))
            print(f"{turns:9,} turns: {path or 'page':4} by {group:5}: {took_ms:5.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the page of numbers and its job.")
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--users", type=int, default=50)
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
        settings.SECURE_SSL_REDIRECT = False
        call_command("migrate", verbosity=0)
        measure(options)
        connection.close()


if __name__ == "__main__":
    main()
