"""`/metrics` for Prometheus: the counters of this process, and what is asked for at each scrape.

One of several workers exposes those of all of them (`telemetry.sibling_metrics`).

Not public. Without `METRICS_TOKEN` it answers only a client of a loopback or private address that
came directly: behind a proxy every client has the proxy's private address, so a request with a
proxy's header is refused. With `METRICS_TOKEN` every scrape needs `Authorization: Bearer <token>`.
"""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from backend import __version__
from backend.api_errors import error_body
from backend.conversations import queries
from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.models import Call
from backend.protocol.endings import Ending
from backend.relay.call_logic import State
from backend.relay.registry import OPENING
from backend.relay.rotation import Reason, Result, rotation_kind
from backend.runtime import Runtime, runtime
from backend.telemetry.counters import COUNTERS
from backend.telemetry.logs import log_event
from backend.telemetry.metrics import SHARED, Gauges, families_of
from backend.telemetry.sibling_metrics import joined, labelled

DATABASE_WAIT_S = 2.0

PROXY_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
"""Headers, as Django names them, of a request that came through a proxy."""

_SHOWN_STATUSES = (TaskResultStatus.READY, TaskResultStatus.RUNNING, TaskResultStatus.FAILED)

KNOWN_LABELS = {
    "kaiwa_calls": (OPENING, *State),
    "kaiwa_calls_ended_total": tuple(Ending),
    "kaiwa_upstream_errors_total": (
        *(ending for ending in Ending if ending.startswith("provider_")),
        "error_event",
    ),
    "kaiwa_rotations_total": tuple(
        rotation_kind(reason, result) for reason in Reason for result in Result
    ),
}
"""The values of a metric's label that are known in advance."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SharedFacts:
    """What the database knows about all processes."""

    open_calls: int
    jobs: dict[str, int]
    oldest_ready_job_s: float


def read_shared_facts() -> SharedFacts:
    """Ask the database, in three statements. Raises what Django raises."""
    jobs: dict[str, int] = {status.lower(): 0 for status in _SHOWN_STATUSES}
    shown = DBTaskResult.objects.filter(status__in=_SHOWN_STATUSES).order_by()
    for status, number in shown.values_list("status").annotate(number=Count("pk")):
        jobs[status.lower()] = number
    oldest = DBTaskResult.objects.ready().order_by().aggregate(at=Min("enqueued_at"))["at"]
    waited_s = 0.0 if oldest is None else (timezone.now() - oldest).total_seconds()
    return SharedFacts(
        open_calls=Call.objects.filter(queries.LIVE).count(),
        jobs=jobs,
        oldest_ready_job_s=max(0.0, waited_s),
    )


def may_scrape(request: HttpRequest) -> bool:
    """Whether this client may read the metrics: by its token, or by its address without one."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}")
    if any(name in request.META for name in PROXY_HEADERS):
        return False
    return is_private(request.META.get("REMOTE_ADDR", ""))


def is_private(address: str) -> bool:
    """Whether this is a loopback or private IP address; False for anything else."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return not ip.is_unspecified and (ip.is_loopback or ip.is_private)


def gauges_of(of: Runtime, shared: SharedFacts | None) -> Gauges:
    """What is asked for at a scrape; `shared` is None if the database did not answer."""
    spool = of.recorder.spool
    gauges = Gauges(
        calls=of.live.states(),
        recorder_backlog_rows=of.recorder.backlog_rows,
        spool_bytes=0 if spool is None else spool.size_bytes,
        spool_writes=0 if spool is None else spool.writes,
        spool_refused=0 if spool is None else spool.refused_total,
        call_slots_used=of.live.count,
        is_draining=of.live.is_draining,
        version=__version__,
        known_labels=KNOWN_LABELS,
    )
    if shared is None:
        return gauges
    return replace(
        gauges,
        is_database_up=True,
        open_calls=shared.open_calls,
        jobs=shared.jobs,
        oldest_ready_job_s=shared.oldest_ready_job_s,
    )


def families_of_worker() -> list[Metric]:
    """What this worker answers another one that is asked for `/metrics`.

    Without what only the one that is asked looks up: the database's metrics and their gauge.
    """
    return families_of_process(replace(gauges_of(runtime(), None), is_database_up=None))


def families_of_process(gauges: Gauges) -> list[Metric]:
    """The metrics of this process, and those that the kernel has of it."""
    return [*ProcessCollector(registry=None).collect(), *families_of(COUNTERS, gauges)]


async def families_of_all(gauges: Gauges) -> list[Metric]:
    """The metrics of this process, and of the other workers if it is one of several."""
    siblings = joined()
    if siblings is None:
        return families_of_process(replace(gauges, workers={"answered": 1, "silent": 0}))
    others = await siblings.ask()
    answered = 1 + len(others)
    workers = {"answered": answered, "silent": siblings.count - answered}
    own = families_of_process(replace(gauges, workers=workers))
    return labelled(dict(sorted({siblings.number: own, **others}.items())), SHARED)


class _Snapshot:
    """One scrape, as prometheus-client wants it."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """Every metric family."""
        return self._families


View = Callable[[HttpRequest], Coroutine[None, None, HttpResponse]]


def metrics_of_this_process(wait_s: float = DATABASE_WAIT_S) -> View:
    """Return the view `/metrics`. It asks the database on a thread of its own, for `wait_s`.

    A database that does not answer costs only the metrics that come from it: those of the process
    are what explains the failure.
    """
    executor = DatabaseExecutor(threads=1)

    @require_safe
    async def metrics(request: HttpRequest) -> HttpResponse:
        if not may_scrape(request):
            return JsonResponse(error_body("forbidden"), status=403)
        shared: SharedFacts | None = None
        try:
            shared = await executor.run(read_shared_facts, timeout_s=wait_s)
        except Exception as error:
            log_event(log, logging.WARNING, "metrics.database_away", error=type(error).__name__)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Snapshot(await families_of_all(gauges_of(runtime(), shared))))
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encode(registry), content_type=content_type)

    return metrics
