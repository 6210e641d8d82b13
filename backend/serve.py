"""The server's entry point.

    python -m backend.serve

Runs the start-up checks, listens on `HOST` and `PORT`, and serves with uvicorn, or with Daphne when
`SERVER=daphne`. `backend.serving` holds the parts.
"""

import gc
import logging
import os
import sys

import django
from django.conf import settings
from django.utils.module_loading import import_string

from backend import __version__
from backend.serving.before_listening import disable_demo_users, run_system_checks
from backend.serving.connection_limits import (
    ConnectionCounter,
    ConnectionPacer,
    limits_of_this_process,
)
from backend.serving.daphne_server import run_daphne
from backend.serving.database_check import exit_unless_migrated
from backend.serving.http_protocol import RequestTimeouts
from backend.serving.listener import listen, listen_error_message
from backend.serving.shutdown import Runtime, ShutdownTimeouts
from backend.serving.uvicorn_server import run_uvicorn
from backend.telemetry.logs import log_event
from backend.trusted_proxies import is_from_proxy

# Not `__name__`, which is `__main__` here.
_logger = logging.getLogger("backend.serve")

COMMAND = ".venv/bin/python -m backend.serve"

SWITCH_INTERVAL_S = 0.0005
"""How long a thread that computes keeps the interpreter while others wait for it.

Each HTTP request runs in a thread of its own. With Python's default of 5 ms, the event loop, and so
every voice, waits for several of them in a row. Measured with `make bench-chat` on a busy machine
with twenty messages at once: the median delay of a voice was 97 and 105 ms, and is 47 and 43 ms; of
138 messages 15 were refused because the database seemed slow, and of 133 none is. The processor
time is the same."""


def main() -> int:
    """Check, listen and serve until a signal. Returns the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    django.setup()
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
    application = import_string("backend.asgi.application")
    connections = ConnectionCounter(limits_of_this_process(), _is_proxy)
    pacer = ConnectionPacer(_is_proxy)
    _leave_modules_out_of_garbage_collection()
    return run_uvicorn(
        application, listener, _runtime, timeouts, connections, pacer, RequestTimeouts()
    )


def _leave_modules_out_of_garbage_collection() -> None:
    """Keep full collections short: they stop all threads, and so every voice.

    Those of a process under load took 130 ms, nearly all of it for what the start had imported.
    """
    gc.collect()
    gc.freeze()


def _is_proxy(address: str) -> bool:
    return is_from_proxy({"client": (address, 0)}, settings.TRUSTED_PROXIES)


def _runtime() -> Runtime:
    # Imported by name after `django.setup()`: it needs Django's apps to be loaded.
    runtime: Runtime = import_string("backend.runtime.runtime")()
    return runtime


if __name__ == "__main__":
    sys.exit(main())
