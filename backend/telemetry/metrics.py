"""The metrics of `/metrics`: their names, meanings and labels in one table, and their values.

Each web process has its own, and Prometheus scrapes each replica (`dns_sd_configs` on the service's
name): a replica is one process, or several workers that expose those of all (`sibling_metrics`).
prometheus-client's multiprocess mode would need a shared folder of memory-mapped files and a
clean-up after each process that dies, and has no custom collectors. The values of `Scope.SHARED`
are those of no process: what comes from the database is the same at every replica, so take the
`max`, where those of a process are summed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from backend.telemetry.counters import Histogram, ProcessCounters


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Scope(StrEnum):
    PROCESS = "process"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """One metric. A counter's name ends with `_total`; `label` is its one label, "" for none."""

    name: str
    kind: Kind
    meaning: str
    label: str = ""
    scope: Scope = Scope.PROCESS


METRICS: tuple[MetricInfo, ...] = (
    MetricInfo(
        "kaiwa_calls", Kind.GAUGE, "Calls of this process by state; opening has no row yet.",
        "state",
    ),
    MetricInfo("kaiwa_calls_ended_total", Kind.COUNTER, "Calls that ended, by ending.", "ending"),
    MetricInfo(
        "kaiwa_calls_refused_total", Kind.COUNTER, "Handshakes that opened no call, by error code.",
        "code",
    ),
    MetricInfo("kaiwa_call_seconds_total", Kind.COUNTER, "Duration of all calls so far."),
    MetricInfo(
        "kaiwa_frames_received_total", Kind.COUNTER,
        "WebSocket messages received in calls, by side: client or provider.", "side",
    ),
    MetricInfo(
        "kaiwa_frames_sent_total", Kind.COUNTER,
        "WebSocket messages sent in calls, by side: client or provider.", "side",
    ),
    MetricInfo(
        "kaiwa_client_frames_refused_total", Kind.COUNTER,
        "Clients' messages that were not passed on, by error code.", "code",
    ),
    MetricInfo(
        "kaiwa_relay_latency_seconds", Kind.HISTOGRAM,
        "From a message's arrival until all that it caused is sent; one in eight is timed.",
    ),
    MetricInfo(
        "kaiwa_first_sound_seconds", Kind.HISTOGRAM,
        "From the end of the user's speech to the first audio of the answer.",
    ),
    MetricInfo(
        "kaiwa_upstream_errors_total", Kind.COUNTER,
        "The provider's failures: the ending that they lead to, or error_event in a running call.",
        "error",
    ),
    MetricInfo(
        "kaiwa_rotations_total", Kind.COUNTER,
        "Moves of calls to another connection to the provider, by reason (cap, provider_lost) and"
        " result (renewed, kept, failed).",
        "rotation",
    ),
    MetricInfo(
        "kaiwa_recorder_backlog_rows", Kind.GAUGE, "Turns, usages and endings not yet written."
    ),
    MetricInfo("kaiwa_spool_bytes", Kind.GAUGE, "Size of this process's spool file; 0 for none."),
    MetricInfo(
        "kaiwa_spool_writes", Kind.GAUGE,
        "Turns, usages and endings that are in the spool and not in the database.",
    ),
    MetricInfo(
        "kaiwa_spool_refused_total", Kind.COUNTER,
        "Writes for which the spool had no room, or that its disk refused.",
    ),
    MetricInfo(
        "kaiwa_cost_usd_total", Kind.COUNTER, "Cost of the recorded usage in USD, by model.",
        "model",
    ),
    MetricInfo(
        "kaiwa_unpriced_usages_total", Kind.COUNTER,
        "Recorded usages whose price is unknown, by model.", "model",
    ),
    MetricInfo("kaiwa_call_slots_used", Kind.GAUGE, "Calls of this process in any state."),
    MetricInfo("kaiwa_draining", Kind.GAUGE, "1 while the process stops and takes no new calls."),
    MetricInfo(
        "kaiwa_database_up", Kind.GAUGE, "1 if the database answered this scrape.",
        scope=Scope.SHARED,
    ),
    MetricInfo(
        "kaiwa_open_calls", Kind.GAUGE, "Open calls of all processes, as in the database.",
        scope=Scope.SHARED,
    ),
    MetricInfo(
        "kaiwa_jobs", Kind.GAUGE, "Background jobs by status: ready, running or failed.", "status",
        scope=Scope.SHARED,
    ),
    MetricInfo(
        "kaiwa_oldest_ready_job_seconds", Kind.GAUGE,
        "How long the oldest job has been waiting for a worker; 0 if none waits.",
        scope=Scope.SHARED,
    ),
    MetricInfo(
        "kaiwa_workers", Kind.GAUGE,
        "Processes behind this address by state: answered this scrape, or silent.", "state",
        scope=Scope.SHARED,
    ),
    MetricInfo("kaiwa_build_info", Kind.GAUGE, "Always 1, with the version.", "version"),
)  # fmt: skip

SHARED = frozenset(info.name for info in METRICS if info.scope is Scope.SHARED)
"""The names of the metrics that are those of no process."""

Values = Mapping[str, float]
"""A metric's values by the value of its label; the key is "" without a label."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is asked for at each scrape. None: it could not be read, so its metric is left out."""

    calls: Values = field(default_factory=dict)
    recorder_backlog_rows: int = 0
    spool_bytes: int = 0
    spool_writes: int = 0
    spool_refused: int = 0
    call_slots_used: int = 0
    is_draining: bool = False
    is_database_up: bool | None = False
    open_calls: int | None = None
    jobs: Values | None = None
    oldest_ready_job_s: float | None = None
    workers: Values | None = None
    version: str = ""
    known_labels: Mapping[str, Iterable[str]] = field(default_factory=dict)
    """Labels' values by the metric's name: shown as 0 until they are counted. Prometheus'
    `increase` does not see the step from no sample to 1, so an alert would miss the first one."""


def families_of(counters: ProcessCounters, gauges: Gauges) -> Iterator[Metric]:
    """Yield every metric with its present values, in the order of `METRICS`."""
    values = _counted(counters) | _asked(gauges)
    histograms = _histograms(counters)
    for info in METRICS:
        if info.kind is Kind.HISTOGRAM:
            yield _histogram_family(info, histograms[info.name])
        elif (found := values[info.name]) is not None:
            zeros = dict.fromkeys(gauges.known_labels.get(info.name, ()), 0)
            yield _family(info, {**zeros, **found})


def _counted(counters: ProcessCounters) -> dict[str, Values | None]:
    return {
        "kaiwa_calls_ended_total": counters.calls_ended,
        "kaiwa_calls_refused_total": counters.calls_refused,
        "kaiwa_call_seconds_total": {"": counters.call_seconds},
        "kaiwa_frames_received_total": {
            "client": counters.frames_from_client,
            "provider": counters.frames_from_provider,
        },
        "kaiwa_frames_sent_total": {
            "client": counters.frames_to_client,
            "provider": counters.frames_to_provider,
        },
        "kaiwa_client_frames_refused_total": counters.client_frames_refused,
        "kaiwa_upstream_errors_total": counters.upstream_errors,
        "kaiwa_rotations_total": counters.rotations,
        "kaiwa_cost_usd_total": {model: float(usd) for model, usd in counters.cost_usd.items()},
        "kaiwa_unpriced_usages_total": counters.unpriced_usages,
    }


def _asked(gauges: Gauges) -> dict[str, Values | None]:
    return {
        "kaiwa_calls": gauges.calls,
        "kaiwa_recorder_backlog_rows": {"": gauges.recorder_backlog_rows},
        "kaiwa_spool_bytes": {"": gauges.spool_bytes},
        "kaiwa_spool_writes": {"": gauges.spool_writes},
        "kaiwa_spool_refused_total": {"": gauges.spool_refused},
        "kaiwa_call_slots_used": {"": gauges.call_slots_used},
        "kaiwa_draining": {"": int(gauges.is_draining)},
        "kaiwa_database_up": _one(gauges.is_database_up),
        "kaiwa_open_calls": _one(gauges.open_calls),
        "kaiwa_jobs": gauges.jobs,
        "kaiwa_oldest_ready_job_seconds": _one(gauges.oldest_ready_job_s),
        "kaiwa_workers": gauges.workers,
        "kaiwa_build_info": {gauges.version: 1},
    }


def _one(value: float | None) -> Values | None:
    return None if value is None else {"": value}


def _histograms(counters: ProcessCounters) -> Mapping[str, Histogram]:
    return {
        "kaiwa_relay_latency_seconds": counters.relay_latency,
        "kaiwa_first_sound_seconds": counters.first_sound,
    }


def _family(info: MetricInfo, values: Values) -> Metric:
    labels = [info.label] if info.label else []
    family: CounterMetricFamily | GaugeMetricFamily
    if info.kind is Kind.COUNTER:
        family = CounterMetricFamily(info.name, info.meaning, labels=labels)
    else:
        family = GaugeMetricFamily(info.name, info.meaning, labels=labels)
    # A copy: the event loop may add a label's value while another thread reads.
    for value_of_label, value in list(values.items()):
        family.add_metric([value_of_label] if labels else [], value)
    return family


def _histogram_family(info: MetricInfo, histogram: Histogram) -> Metric:
    buckets, so_far = [], 0
    for bound, count in zip((*histogram.bounds, "+Inf"), histogram.counts, strict=True):
        so_far += count
        buckets.append((str(bound), so_far))
    family = HistogramMetricFamily(info.name, info.meaning)
    family.add_metric([], buckets, histogram.total)
    return family
