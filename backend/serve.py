"""The server's entry point.

    python -m backend.serve

Runs the start-up checks, listens on `HOST` and `PORT`, and serves with uvicorn, or with Daphne when
`SERVER=daphne`. With `WORKERS` above 1 it serves with that many processes, and is their supervisor.
`backend.serving` holds the parts.
"""

import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import django
from django.conf import settings
from django.utils.module_loading import import_string

from backend import __version__
from backend.database import close_pools
from backend.serving.before_listening import disable_demo_users, run_system_checks
from backend.serving.connection_limits import (
    NEW_PER_ADDRESS_AT_ONCE,
    NEW_PER_ADDRESS_PER_S,
    ConnectionCounter,
    ConnectionPacer,
    limits_of_this_process,
)
from backend.serving.daphne_server import run_daphne
from backend.serving.database_check import exit_unless_migrated
from backend.serving.http_protocol import RequestTimeouts
from backend.serving.listener import listen, listen_error_message
from backend.serving.shutdown import Runtime, ShutdownTimeouts
from backend.serving.supervisor import KILL_AFTER_S, become_supervisor
from backend.serving.uvicorn_server import run_uvicorn
from backend.serving.worker_balance import WorkerBalance
from backend.serving.worker_beats import WorkerBeats
from backend.serving.worker_place import WorkerPlace, end_with_supervisor, take_place
from backend.telemetry.logs import log_event
from backend.telemetry.sibling_metrics import Siblings, join
from backend.trusted_proxies import is_from_proxy

# Not `__name__`, which is `__main__` here.
_logger = logging.getLogger("backend.serve")

COMMAND = ".venv/bin/python -m backend.serve"

MIDDLE_COLLECTIONS_PER_FULL_ONE = 1000
"""In place of 10: with 100 calls that talk there is one in two seconds."""
SWITCH_INTERVAL_S = 0.0005
"""How long a thread that computes keeps the interpreter while others wait for it.

Each HTTP request runs in a thread of its own. With Python's default of 5 ms, the event loop, and so
every voice, waits for several of them in a row. Measured with `make bench-chat` on a busy machine
with twenty messages at once: the median delay of a voice was 97 and 105 ms, and is 47 and 43 ms; of
138 messages 15 were refused because the database seemed slow, and of 133 none is. The processor
time is the same."""


def main() -> int:
    """Check, listen and serve until a signal. Returns the exit code."""
    place = take_place(os.environ)
    if place is not None:
        # A signal that is passed on while it starts ends it, as SIGTERM does, without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    django.setup()
    if place is not None:
        return _serve_as_worker(place)
    run_system_checks()
    if not settings.DEBUG:
        exit_unless_migrated()
    disable_demo_users()
    host, port, server = settings.HOST, settings.PORT, settings.SERVER
    try:
        listener = listen(host, port)
    except OSError as error:
        sys.exit(listen_error_message(error, host, port, COMMAND))
    log_event(
        _logger,
        logging.INFO,
        "server.starting",
        server=server,
        host=host,
        port=listener.getsockname()[1],
        version=__version__,
        pid=os.getpid(),
    )
    timeouts = ShutdownTimeouts()
    if server == "daphne":
        return run_daphne("backend.asgi:application", listener, _runtime, timeouts)
    if settings.WORKERS > 1:
        close_pools()
        become_supervisor(listener, settings.WORKERS, timeouts)
    return _serve(listener)


def _serve_as_worker(place: WorkerPlace) -> int:
    """Serve as one of several processes; the supervisor has checked and bound everything."""
    timeouts = ShutdownTimeouts()
    end_with_supervisor(place.lifeline, timeouts.total_s + KILL_AFTER_S)
    log_event(
        _logger,
        logging.INFO,
        "server.worker_starting",
        worker=str(place.number),
        pid=os.getpid(),
    )
    siblings = Siblings(Path(place.folder), place.number, place.count)
    balance = WorkerBalance(place.memory, place.number, place.count)
    beats = WorkerBeats(place.memory, place.number, place.count)
    join(siblings)

    async def answer_siblings() -> None:
        await siblings.answer(import_string("backend.health.metrics_view.families_of_worker"))

    return _serve(place.listening_socket(), place.count, balance, answer_siblings, beats.beat)


def _serve(
    listener: socket.socket,
    workers: int = 1,
    balance: WorkerBalance | None = None,
    on_started: Callable[[], Awaitable[None]] | None = None,
    beat: Callable[[], None] = lambda: None,
) -> int:
    """Serve with uvicorn, as one of so many processes."""
    application = import_string("backend.asgi.application")
    limits = limits_of_this_process().divided_by(workers)
    connections = (
        ConnectionCounter(limits, _is_proxy)
        if balance is None
        else ConnectionCounter(limits, _is_proxy, balance.publish)
    )
    pacer = ConnectionPacer(
        _is_proxy, NEW_PER_ADDRESS_PER_S / workers, NEW_PER_ADDRESS_AT_ONCE / workers
    )
    _shorten_garbage_collections()
    return run_uvicorn(
        application,
        listener,
        _runtime,
        ShutdownTimeouts(),
        connections,
        pacer,
        RequestTimeouts(),
        balance=balance,
        on_started=on_started,
        beat=beat,
    )


def _shorten_garbage_collections() -> None:
    """Keep full collections short and rare: they stop all threads, and so every voice.

    Those of a process under load took 130 ms, nearly all of it for what the start had imported:
    that is left out of them. The calls themselves take 30 to 80 ms with 100 of them, which came
    every few seconds; a call that is over is freed without a collection.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, MIDDLE_COLLECTIONS_PER_FULL_ONE)


def _is_proxy(address: str) -> bool:
    return is_from_proxy({"client": (address, 0)}, settings.TRUSTED_PROXIES)


def _runtime() -> Runtime:
    # Imported by name after `django.setup()`: it needs Django's apps to be loaded.
    runtime: Runtime = import_string("backend.runtime.runtime")()
    return runtime


if __name__ == "__main__":
    sys.exit(main())
