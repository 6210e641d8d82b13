"""Measure the admin's list of sessions and its search with 100,000 turns in 5,000 sessions.

    python -m bench.review [--sessions 5000] [--turns 20] [--database URL]

Each page is requested in this process with Django's test client, on a temporary SQLite database and
on a temporary PostgreSQL: the median of three requests, with the template, the processor time of
this process and the database's, which does not depend on what else runs, and the number of queries.
PostgreSQL gets a database with `LC_CTYPE` C.UTF-8: in the plain C locale its trigrams
leave out Japanese. Without PostgreSQL on the machine only SQLite is measured. With `--database`
only that database is measured; it is filled if it has no session.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.cpu import cpu_seconds
from tests.postgres import PostgresMissing, running_postgres

RUNS = 3
BOUND_MS = 300
"""What is slower is marked."""

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
USERS = 50
CALLS = 2

LIST = "/admin/conversations/session/"
PAGES: dict[str, dict[str, str]] = {
    "the list": {},
    "its last page": {"p": "100"},
    "sorted by cost": {"o": "-9"},
    "sorted by minutes": {"o": "-4"},
    "sorted by turns": {"o": "-5"},
    "ended badly": {"trouble": "ended_badly"},
    "interrupted answers": {"trouble": "interrupted"},
    "failed transcription": {"trouble": "untranscribed"},
    "cost of 0.1 to 1 USD": {"cost": "0.1-1"},
    "15 to 60 minutes": {"minutes": "15-60"},
    "a month": {"created_at__year": "2026", "created_at__month": "1"},
    "search: in every session": {"q": "パン"},
    "search: two characters": {"q": "料金"},
    "search: rare, Japanese": {"q": "ラズベリータルト"},
    "search: rare, English": {"q": "gooseberry"},
    "search: three words": {"q": "rye loaf user7"},
    "search: nothing": {"q": "zzzzzz"},
    "search: one letter": {"q": "e"},
    "search: %": {"q": "%"},
    "search: 100 characters": {"q": "ab" * 50},
    "search: three letters": {"q": "a e i"},
    "search: eight letters": {"q": "a e i o u n t s"},
    "search: four of two characters": {"q": "料金 予約 変更 電話"},
    "search: two common words": {"q": "please tomorrow"},
}

JAPANESE = (
    "パン", "ケーキ", "ください", "ありがとうございます", "明日の", "予約を", "変更したい",
    "のですが", "料金は", "いくらですか", "電話番号", "を教えて", "承知しました", "少々お待ち",
    "くださいませ", "抹茶", "と紅茶", "を二つ", "お願いします", "、", "。", "配達は",
    "何時ごろ", "になりますか",
)  # fmt: skip
ENGLISH = (
    "one", "loaf", "of", "rye", "please", "could", "you", "tell", "me", "the", "price", "delivery",
    "tomorrow", "morning", "thank", "very", "much", "certainly", "anything", "else", "today",
)  # fmt: skip
RARE_WORDS = {"ja": "ラズベリータルト", "en": "gooseberry"}


def sentence(dice: random.Random, language: str) -> str:
    """About 60 characters of talk; one sentence in 4,000 has a rare word."""
    if language == "ja":
        words = dice.choices(JAPANESE, k=12)
    else:
        words = [f"{word} " for word in dice.choices(ENGLISH, k=11)]
    if dice.random() < 1 / 4000:
        words.append(RARE_WORDS[language])
    return "".join(words)


def fill(sessions: int, turns: int) -> None:
    """Store these sessions with their turns, two calls each and a usage row for each answer."""
    # Django's models can be imported only after its setup.
    from django.contrib.auth.models import User  # noqa: PLC0415

    from backend.conversations.models import Call, Session, Turn, Usage  # noqa: PLC0415
    from backend.protocol.endings import Ending  # noqa: PLC0415

    dice = random.Random(13)
    users = User.objects.bulk_create(User(username=f"user{number}") for number in range(USERS))
    endings = [Ending.CLIENT_LEFT] * 8 + [Ending.IDLE, Ending.PROVIDER_FAILED]
    for first in range(0, sessions, 500):
        rows: dict[Any, list[Any]] = {Session: [], Call: [], Turn: [], Usage: []}
        for number in range(first, min(first + 500, sessions)):
            language = "ja" if number % 2 else "en"
            begun = BEGIN + timedelta(minutes=50 * number)
            session = Session(
                user=users[number % USERS], title=sentence(dice, language)[:40], language=language,
                model="gpt-realtime", realtime_mode=True, created_at=begun, updated_at=begun,
            )  # fmt: skip
            rows[Session].append(session)
            calls = [
                Call(
                    session=session, worker="bench", model="gpt-realtime", started_at=begun,
                    ended_at=begun + timedelta(seconds=dice.randrange(20, 1500)),
                    lease_until=begun, first_position=each * 100_000, ending=dice.choice(endings),
                )
                for each in range(CALLS)
            ]  # fmt: skip
            rows[Call] += calls
            for each in range(turns):
                call = calls[each * CALLS // turns]
                role = "assistant" if each % 2 else "user"
                is_cut = dice.random() < 0.02
                rows[Turn].append(
                    Turn(
                        session=session, call=call, item_id=f"item_{each}", role=role,
                        modality="voice", status="interrupted" if is_cut else "completed",
                        text="" if is_cut and role == "user" else sentence(dice, language),
                        position=call.first_position + each, started_at=begun, completed_at=begun,
                    )
                )  # fmt: skip
                if role == "assistant":
                    rows[Usage].append(
                        Usage(
                            user=session.user, session=session, call=call, kind="response",
                            source_id=f"response_{each}", model="gpt-realtime", audio_out=900,
                            cost_usd=dice.randrange(10, 2000) / 10_000, price_date=begun.date(),
                            created_at=begun,
                        )
                    )  # fmt: skip
        for model, each_rows in rows.items():
            model._default_manager.bulk_create(each_rows, batch_size=2000)


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians of a page, its queries, and how many sessions it says there are."""

    took_ms: float
    cpu_ms: float
    queries: int
    found: int


def measured(client: Any, query: dict[str, str], pids: list[int]) -> Measured:
    """Request a page of the list several times. `pids` are this process and the database's."""
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    took_ms, cpu_ms = [], []
    for _ in range(RUNS):
        began_at, cpu_s = time.perf_counter(), sum(map(cpu_seconds, pids))
        response = client.get(LIST, query)
        took_ms.append((time.perf_counter() - began_at) * 1000)
        cpu_ms.append((sum(map(cpu_seconds, pids)) - cpu_s) * 1000)
        if response.status_code != 200:
            raise SystemExit(f"{query} answered {response.status_code}")
    with CaptureQueriesContext(connection) as queries:
        response = client.get(LIST, query)
    found: int = response.context_data["cl"].result_count
    return Measured(statistics.median(took_ms), statistics.median(cpu_ms), len(queries), found)


def measure(url: str, sessions: int, turns: int) -> None:
    """Fill this database if it is empty, and print a line for each page."""
    os.environ.update(DEBUG="on", DATABASE_URL=url, DJANGO_SETTINGS_MODULE="backend.settings")
    import django  # noqa: PLC0415

    django.setup()
    # DEBUG is for the settings' defaults only: it would keep every query in memory.
    from django.conf import settings  # noqa: PLC0415
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from backend.conversations.models import Session, Turn  # noqa: PLC0415

    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    if not Session.objects.exists():
        fill(sessions, turns)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    admin, _ = User.objects.get_or_create(username="admin", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(admin)
    counts = f"{Turn.objects.count():,} turns in {Session.objects.count():,} sessions"
    print(f"\n{connection.display_name}, {counts}")
    print(f"{'page':32} {'ms':>6} {'cpu ms':>7} {'queries':>8} {'found':>6}")
    pids = [os.getpid()]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pids += cursor.fetchone()
    for name, query in PAGES.items():
        page = measured(client, query, pids)
        mark = f"  over {BOUND_MS}" if page.took_ms > BOUND_MS else ""
        numbers = f"{page.took_ms:6.0f} {page.cpu_ms:7.0f} {page.queries:8} {page.found:6}"
        print(f"{name:32} {numbers}{mark}", flush=True)
    connection.close()


def databases() -> Iterator[str]:
    """The URLs of an empty SQLite and, if it is installed, of an empty PostgreSQL."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder)}/bench.sqlite3"
    try:
        with running_postgres() as url:
            import psycopg  # noqa: PLC0415

            create = "CREATE DATABASE review TEMPLATE template0 LC_CTYPE 'C.UTF-8'"
            with psycopg.connect(
                url.replace("postgres://", "postgresql://"), autocommit=True
            ) as one:
                one.execute(create)
            yield f"{url.rpartition('/')[0]}/review"
    except PostgresMissing as error:
        print(error)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the admin's list of sessions.")
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--turns", type=int, default=20, help="in each session")
    parser.add_argument("--database", help="the URL of the only database to measure")
    options = parser.parse_args()
    if options.database:
        measure(options.database, options.sessions, options.turns)
        return
    for url in databases():
        # A process for each: Django's settings are read once.
        command = [sys.executable, "-m", "bench.review", "--database", url]
        sizes = ["--sessions", str(options.sessions), "--turns", str(options.turns)]
        subprocess.run(command + sizes, check=True)


if __name__ == "__main__":
    main()
