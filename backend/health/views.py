"""`/healthz`: the process is alive. `/readyz`: it can take new calls, or why not."""

from collections.abc import Callable, Coroutine, Mapping

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
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
from backend.retirement import retiring
from backend.runtime import runtime

View = Callable[[HttpRequest], Coroutine[None, None, JsonResponse]]


@require_safe
async def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200: liveness, without asking anything else."""
    return JsonResponse({"status": "ok"})


def readyz(
    checks: Callable[[], Mapping[str, ReadinessCheck]],
    wait_s: float = WAIT_S,
    notices: Callable[[], Mapping[str, object]] = dict,
) -> View:
    """Return a view that answers 200 if every required check is `ok`, otherwise 503.

    The body is `{"status": "ok" | "degraded" | "unavailable", <check>: <word>, …}`
    (`health.readiness`), and the notices, which do not change the status.
    """

    @require_safe
    async def view(request: HttpRequest) -> JsonResponse:
        answers = await answers_of(checks(), wait_s)
        code = 200 if is_ready(answers) else 503
        return JsonResponse({"status": summary_of(answers), **answers, **notices()}, status=code)

    return view


def readyz_of_this_process() -> View:
    """`/readyz` with the checks of this process's runtime, which is built at the first request."""
    services = ServiceChecks()
    return readyz(lambda: checks_of(runtime(), services), notices=retirements)


def retirements() -> dict[str, object]:
    """`retiring`: a sentence for each configured model that retires soon; nothing without one."""
    today = timezone.now().date()
    sentences = [
        f"{each.model} {'has retired' if each.is_over(today) else 'retires'} on"
        f" {each.on:%Y-%m-%d}; {each.successor} is used from then on"
        for each in retiring(settings, today)
    ]
    return {"retiring": sentences} if sentences else {}
