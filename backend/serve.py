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
from backend.serving.limits import SWITCH_INTERVAL_S, ServerTimeouts
from backend.serving.listener import listen, listen_error_message
from backend.serving.shutdown import Runtime
from backend.serving.uvicorn_server import run_uvicorn
from backend.telemetry.logs import log_event
from backend.trusted_proxies import is_from_proxy

# Not `__name__`, which is `__main__` here.
_logger = logging.getLogger("backend.serve")

COMMAND = ".venv/bin/python -m backend.serve"


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
    if server == "daphne":
        return run_daphne("backend.asgi:application", listener, _runtime, ServerTimeouts())
    application = import_string("backend.asgi.application")
    connections = ConnectionCounter(limits_of_this_process(), _is_proxy)
    pacer = ConnectionPacer(_is_proxy)
    _leave_modules_out_of_garbage_collection()
    return run_uvicorn(application, listener, _runtime, ServerTimeouts(), connections, pacer)


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
