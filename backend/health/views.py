"""`/healthz`: the process answers. `/readyz`: so does the database, within two seconds."""

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
    """200 as long as the process can answer at all."""
    return JsonResponse({"status": "ok"})


def readyz(
    executor: DatabaseExecutor, ask: Callable[[], object], wait_s: float = DATABASE_WAIT_S
) -> Callable[[HttpRequest], Coroutine[None, None, JsonResponse]]:
    """A view: 200 when the database has answered in time, else 503.

    It asks on a thread of its own, so that a stuck database cannot hold up any other request.
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


def ask_database() -> None:
    """Get an answer out of the database. Raises what Django raises when there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
