"""Open calls, or create sessions, all at once from the threads of a process.

    python -m tests.spending.racer

It prints `ready`. For each line `[SETTING, [[USER_ID, SESSION_ID], ...]]` it runs a race with this
limit of 3 and no other in the settings, and prints how many were opened and refused, as JSON. With
`budget` in the place of a setting, only the Budget rows of the database limit. It ends with its
input.
"""

import json
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from backend.conversations.creating import TooManySessions, create_session  # noqa: E402
from backend.conversations.lifecycle import open_call  # noqa: E402
from backend.conversations.process_liveness import process_name  # noqa: E402
from backend.database import DATABASE_UNAVAILABLE  # noqa: E402
from backend.protocol.errors import AdmissionRefused  # noqa: E402
from backend.spending.reservations import reserve_call, reserve_session  # noqa: E402

LIMITS = ("MAX_CALLS_PER_USER", "MAX_CALLS", "CALLS_PER_HOUR", "SESSIONS_PER_HOUR")
MOST_TRIES = 20


def open_or_create(user_id: int, session_id: UUID) -> None:
    if settings.SESSIONS_PER_HOUR:
        create_session(user_id, language="en", reserve=reserve_session)
        return
    open_call(
        session_id, user_id, worker=process_name(), model="gpt-realtime",
        transcription_model="gpt-transcribe", reserve=reserve_call,
    )  # fmt: skip


def outcome(user_id: int, session_id: UUID) -> str:
    """`opened` or `refused`. While the database is busy it tries again, as clients do."""
    for _ in range(MOST_TRIES):
        try:
            open_or_create(user_id, session_id)
        except DATABASE_UNAVAILABLE:
            continue
        except (AdmissionRefused, TooManySessions):
            return "refused"
        return "opened"
    return "unavailable"


def race(limit: str, chosen: list[tuple[int, str]]) -> Counter[str]:
    """Run one race; returns how many have each outcome."""
    for name in LIMITS:
        setattr(settings, name, 3 if name == limit else 0)
    start = Barrier(len(chosen))

    def run(user_id: int, session_id: str) -> str:
        start.wait()
        try:
            return outcome(user_id, UUID(session_id))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(chosen)) as pool:
        return Counter(pool.map(run, *zip(*chosen, strict=True)))


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(race(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
