"""`/healthz`: the process is alive. `/readyz`: the database answers within two seconds."""

import logging
from collections.abc import Callable, Coroutine

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from backend.conversations.executor import DatabaseExecutor
from backend.telemetry.logs import log_event

DATABASE_WAIT_S = 2.0

log = logging.getLogger(__name__)


@require_safe
async def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200: liveness, without asking anything else."""
    return JsonResponse({"status": "ok"})


def readyz(
    executor: DatabaseExecutor, ask: Callable[[], object], wait_s: float = DATABASE_WAIT_S
) -> Callable[[HttpRequest], Coroutine[None, None, JsonResponse]]:
    """Return a view that answers 200 if the database answers within `wait_s`, otherwise 503.

    `ask` runs in a thread of its own, so that a stuck database cannot delay other requests.
    """

    @require_safe
    async def view(request: HttpRequest) -> JsonResponse:
        try:
            await executor.run(ask, timeout_s=wait_s)
        except Exception as error:
            log_event(log, logging.WARNING, "health.not_ready", error=type(error).__name__)
            return JsonResponse({"status": "unavailable", "database": "away"}, status=503)
        return JsonResponse({"status": "ok", "database": "ok"})

    return view


def ping_database() -> None:
    """Run `SELECT 1`. Raises what Django raises if the database does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
