"""The id that the proxy gave to the request that is being served, for the log lines about it.

A context variable: tasks and threads that a request starts inherit it. A task that outlives the
request, and serves others too, calls `forget_request_id` first.
"""

import re
from contextvars import ContextVar

_FORM = re.compile(r"[A-Za-z0-9_-]{1,64}")

_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def is_request_id(text: str) -> bool:
    """Return True for what may stand in a log line: up to 64 letters, digits, `_` and `-`."""
    return _FORM.fullmatch(text) is not None


def current_request_id() -> str | None:
    """Return the id of the present request; None without a proxy or outside a request."""
    return _current.get()


def remember_request_id(request_id: str) -> None:
    """Use this id in the present context from now on."""
    _current.set(request_id)


def forget_request_id() -> None:
    """Use no id in the present context from now on."""
    _current.set(None)
