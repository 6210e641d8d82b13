"""`/healthz`: the process is alive. `/readyz`: it can take new calls, or why not."""

from collections.abc import Callable, Coroutine, Mapping

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from backend.health.readiness import (
    WAIT_S,
    ReadinessCheck,
    ServiceChecks,
    answers_of,
    checks_of,
    is_ready,
    summary_of,
)
from backend.runtime import runtime

View = Callable[[HttpRequest], Coroutine[None, None, JsonResponse]]


@require_safe
async def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200: liveness, without asking anything else."""
    return JsonResponse({"status": "ok"})


def readyz(checks: Callable[[], Mapping[str, ReadinessCheck]], wait_s: float = WAIT_S) -> View:
    """Return a view that answers 200 if every required check is `ok`, otherwise 503.

    The body is `{"status": "ok" | "degraded" | "unavailable", <check>: <word>, …}`
    (`health.readiness`).
    """

    @require_safe
    async def view(request: HttpRequest) -> JsonResponse:
        answers = await answers_of(checks(), wait_s)
        code = 200 if is_ready(answers) else 503
        return JsonResponse({"status": summary_of(answers), **answers}, status=code)

    return view


def readyz_of_this_process() -> View:
    """`/readyz` with the checks of this process's runtime, which is built at the first request."""
    services = ServiceChecks()
    return readyz(lambda: checks_of(runtime(), services))
