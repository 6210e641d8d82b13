"""`make demo-data`: fills the demo's database with sessions to look at in the admin.

    python -m backend.demo_data [--sessions 200] [--seed 13] [--yes]

It uses the database of `make run`, unless this run is given a `DATABASE_URL`; then it needs
`DEBUG`. The simulator's persona is passed to the other modules, which do not import the simulator.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import django
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from backend.demo import DATABASE, demo_settings
from backend.prepare import lift_time_limits
from backend.simulator.persona.customer import Customer

MAX_SESSIONS = 100_000


def own_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The demo's settings; none if this run names a database: then its own `DEBUG` decides."""
    if environ.get("DATABASE_URL") or environ.get("DATABASE_URL_FILE"):
        return {}
    return demo_settings(environ)


def main(arguments: Sequence[str]) -> int:
    """Migrate the database and fill it. Returns 0; exits with a sentence if that is refused."""
    given = _parser().parse_args(arguments)
    os.environ |= own_settings(os.environ)
    DATABASE.parent.mkdir(exist_ok=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()
    # Imported by name here, because models can be imported only after `django.setup()`.
    filling = import_module("backend.demo_data.filling")
    try:
        filling.check_debug()
        lift_time_limits(connection)
        call_command("migrate", verbosity=0, interactive=False)
        filling.check_users(is_confirmed=given.yes)
        filling.fill(
            Customer(),
            sessions=given.sessions,
            seed=given.seed,
            now=timezone.now(),
            say=lambda text: print(text, flush=True),
        )
    except filling.DemoRefused as refused:
        sys.exit(str(refused))
    except DatabaseError as error:
        sys.exit(f"The database cannot be used ({type(error).__name__}). Check DATABASE_URL.")
    finally:
        connections.close_all()
    print("Look at them at /admin/, with the admin's login that `make run` prints.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backend.demo_data", description="Fill a database with demo sessions."
    )
    parser.add_argument("--sessions", type=session_count, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=13, metavar="N", help="for other sessions")
    parser.add_argument(
        "--yes", action="store_true", help="also into a database with users of your own"
    )
    return parser


def session_count(text: str) -> int:
    """The number in an argument. Raises ArgumentTypeError."""
    count = int(text) if text.isdecimal() else 0
    if not 1 <= count <= MAX_SESSIONS:
        raise argparse.ArgumentTypeError(f"write a number from 1 to {MAX_SESSIONS}")
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
