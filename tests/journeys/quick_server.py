"""The real server with shorter waits, so that a test of each takes a second: pings and time limits.

Everything else is `backend.serve`, with the settings of the environment.
"""

import functools
import os
import sys
from typing import Any

import django

PING_S = 0.5
"""In place of 15 s, and of 20 s to the provider."""
OPEN_TIMEOUT_S = 1.5
READY_WITHIN_S = 1.5
DRAIN_S = 10.0


def shorten(value: Any, **seconds: float) -> None:
    """Change fields of a frozen dataclass that others have as a default already."""
    for name, number in seconds.items():
        assert hasattr(value, name), name
        object.__setattr__(value, name, number)


def main() -> int:
    """Shorten the waits and serve. Returns the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()
    # Imported here: models can be imported only after `django.setup()`.
    from backend import serve  # noqa: PLC0415
    from backend.relay.limits import DEFAULT_LIMITS  # noqa: PLC0415
    from backend.serving import uvicorn_server  # noqa: PLC0415
    from backend.upstream import connector  # noqa: PLC0415

    shorten(DEFAULT_LIMITS, ready_within_s=READY_WITHIN_S, tick_s=0.1)
    defaults = connector.connect.__kwdefaults__
    defaults["open_timeout_s"] = OPEN_TIMEOUT_S
    shorten(defaults["limits"], ping_interval_s=PING_S, ping_timeout_s=PING_S)
    uvicorn_server.PING_S = PING_S  # type: ignore[assignment]
    timeouts = functools.partial(serve.ServerTimeouts, drain_s=DRAIN_S)
    serve.ServerTimeouts = timeouts  # type: ignore[assignment, misc]
    return serve.main()


if __name__ == "__main__":
    sys.exit(main())
