"""The real server with shorter waits, so that a test of each takes a second: pings and time limits.

Everything else is `backend.serve`, with the settings of the environment. At SIGUSR1 it logs how
many asyncio tasks it has, as `tasks 12`.
"""

import asyncio
import functools
import os
import signal
import sys
from typing import Any

import django

PING_S = float(os.environ.get("QUICK_PING_S", "0.5"))
"""In place of 15 s, and of 20 s to the provider. On a busy machine half a second may be too short.
"""
OPEN_TIMEOUT_S = 1.5
READY_WITHIN_S = 1.5
DRAIN_S = 4.0


def shorten(value: Any, **seconds: float) -> None:
    """Change fields of a frozen dataclass that others have as a default already."""
    for name, number in seconds.items():
        assert hasattr(value, name), name
        object.__setattr__(value, name, number)


def replace(owner: Any, name: str, value: Any) -> None:
    """Replace an attribute that exists."""
    assert hasattr(owner, name), name
    setattr(owner, name, value)


def log_tasks() -> None:
    print(f"tasks {len(asyncio.all_tasks())}", flush=True)


def main() -> int:
    """Shorten the waits and serve. Returns the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()
    # Imported here: models can be imported only after `django.setup()`.
    from backend import serve  # noqa: PLC0415
    from backend.relay.limits import DEFAULT_LIMITS  # noqa: PLC0415
    from backend.serving import uvicorn_server  # noqa: PLC0415
    from backend.serving.shutdown import ShutdownTimeouts  # noqa: PLC0415
    from backend.upstream import connector  # noqa: PLC0415

    shorten(DEFAULT_LIMITS, ready_within_s=READY_WITHIN_S, tick_s=0.1)
    connect: Any = connector.connect
    connect.__kwdefaults__["open_timeout_s"] = OPEN_TIMEOUT_S
    limits = connect.__kwdefaults__["limits"]
    shorten(limits, ping_interval_s=PING_S, ping_timeout_s=PING_S)
    startup = uvicorn_server.GracefulUvicornServer.startup

    async def startup_with_signal(self: Any, sockets: Any = None) -> None:
        await startup(self, sockets=sockets)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, log_tasks)

    replace(uvicorn_server, "PING_S", PING_S)
    replace(uvicorn_server.GracefulUvicornServer, "startup", startup_with_signal)
    replace(serve, "ShutdownTimeouts", functools.partial(ShutdownTimeouts, drain_s=DRAIN_S))
    return serve.main()


if __name__ == "__main__":
    sys.exit(main())
