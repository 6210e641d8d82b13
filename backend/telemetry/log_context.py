"""The ids that every log line carries: the request's and the call's.

They are context variables: a task that is started while one is set inherits it, and Django's
threads do as well. A task that works for the whole process is started with `process_context()`, as
it would otherwise carry the ids of whatever request happened to start it.
"""

from contextvars import Context, ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
CALL_ID: ContextVar[str | None] = ContextVar("call_id", default=None)

_FIELDS = (("request_id", REQUEST_ID), ("call_id", CALL_ID))


def context_ids() -> dict[str, object]:
    """Return the ids that are set, by the names of their log fields."""
    found = ((name, variable.get()) for name, variable in _FIELDS)
    return {name: value for name, value in found if value is not None}


def process_context() -> Context:
    """Return a context without ids, for `asyncio.create_task(…, context=…)`."""
    return Context()
