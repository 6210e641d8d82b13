"""The ids that every log line carries: the call's and the request's.

They are context variables: a task that is started while one is set inherits it, and Django's
threads do as well. A task that works for the whole process is started with `process_context()`, as
it would otherwise carry the ids of whatever request happened to start it.
"""

from collections.abc import Mapping
from contextvars import Context, ContextVar

from backend.telemetry.request_ids import current_request_id

CALL_ID: ContextVar[str | None] = ContextVar("call_id", default=None)


def with_ids(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields and, after them, the ids that are set; a field of that name wins."""
    ids = (("call_id", CALL_ID.get()), ("request_id", current_request_id()))
    return {**fields, **{name: id for name, id in ids if id is not None and name not in fields}}


def process_context() -> Context:
    """Return a context without ids, for `asyncio.create_task(…, context=…)`."""
    return Context()
