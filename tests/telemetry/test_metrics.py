"""The metrics: every one of the table is exposed, with its values, as Prometheus reads them."""

from decimal import Decimal

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from backend.telemetry.counters import ProcessCounters
from backend.telemetry.metrics import METRICS, SHARED, Gauges, Kind, families_of

FULL = Gauges(
    calls={"ready": 2},
    recorder_backlog_rows=5,
    call_slots_used=3,
    is_draining=True,
    is_database_up=True,
    open_calls=4,
    jobs={"ready": 1, "failed": 0},
    oldest_ready_job_s=7.5,
    workers={"answered": 2, "silent": 1},
    version="1.2.3",
)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples_of(counters: ProcessCounters, gauges: Gauges) -> Samples:
    """Every sample by its name and labels, after a way through Prometheus' text format."""

    class Snapshot:
        def collect(self) -> object:
            return families_of(counters, gauges)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Snapshot())  # type: ignore[arg-type]
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def counted() -> ProcessCounters:
    counters = ProcessCounters()
    counters.frames_from_client = 11
    counters.frames_to_client = 12
    counters.frames_from_provider = 13
    counters.frames_to_provider = 14
    counters.calls_ended["client_left"] += 2
    counters.calls_refused["ticket_invalid"] += 1
    counters.client_frames_refused["frame_not_json"] += 3
    counters.upstream_errors["provider_timeout"] += 4
    counters.rotations["cap_renewed"] += 3
    counters.call_seconds = 60.5
    counters.count_costs([("gpt-realtime", Decimal("0.25")), ("new-model", None)])
    counters.relay_latency.observe(0.0002)
    counters.relay_latency.observe(5.0)
    counters.first_sound.observe(0.45)
    return counters


def test_each_metric_of_the_table_has_a_sample_and_no_other_is_exposed() -> None:
    exposed = {name for name, _ in samples_of(counted(), FULL)}
    expected = {info.name for info in METRICS if info.kind is not Kind.HISTOGRAM} | {
        f"{info.name}_{part}"
        for info in METRICS
        if info.kind is Kind.HISTOGRAM
        for part in ("bucket", "count", "sum")
    }
    assert exposed == expected


def test_the_values_are_those_that_were_counted() -> None:
    samples = samples_of(counted(), FULL)
    expected: Samples = {
        ("kaiwa_calls", (("state", "ready"),)): 2,
        ("kaiwa_calls_ended_total", (("ending", "client_left"),)): 2,
        ("kaiwa_calls_refused_total", (("code", "ticket_invalid"),)): 1,
        ("kaiwa_call_seconds_total", ()): 60.5,
        ("kaiwa_frames_received_total", (("side", "client"),)): 11,
        ("kaiwa_frames_received_total", (("side", "provider"),)): 13,
        ("kaiwa_frames_sent_total", (("side", "client"),)): 12,
        ("kaiwa_frames_sent_total", (("side", "provider"),)): 14,
        ("kaiwa_client_frames_refused_total", (("code", "frame_not_json"),)): 3,
        ("kaiwa_upstream_errors_total", (("error", "provider_timeout"),)): 4,
        ("kaiwa_rotations_total", (("rotation", "cap_renewed"),)): 3,
        ("kaiwa_recorder_backlog_rows", ()): 5,
        ("kaiwa_cost_usd_total", (("model", "gpt-realtime"),)): 0.25,
        ("kaiwa_unpriced_usages_total", (("model", "new-model"),)): 1,
        ("kaiwa_call_slots_used", ()): 3,
        ("kaiwa_draining", ()): 1,
        ("kaiwa_database_up", ()): 1,
        ("kaiwa_open_calls", ()): 4,
        ("kaiwa_jobs", (("status", "ready"),)): 1,
        ("kaiwa_jobs", (("status", "failed"),)): 0,
        ("kaiwa_oldest_ready_job_seconds", ()): 7.5,
        ("kaiwa_workers", (("state", "answered"),)): 2,
        ("kaiwa_workers", (("state", "silent"),)): 1,
        ("kaiwa_build_info", (("version", "1.2.3"),)): 1,
    }
    assert {key: samples[key] for key in expected} == expected


def test_the_buckets_of_a_histogram_are_cumulative() -> None:
    samples = samples_of(counted(), FULL)

    def bucket(bound: str) -> float:
        return samples["kaiwa_relay_latency_seconds_bucket", (("le", bound),)]

    assert [bucket(bound) for bound in ("0.0001", "0.00025", "1.0", "+Inf")] == [0, 1, 1, 2]
    assert samples["kaiwa_relay_latency_seconds_count", ()] == 2
    assert samples["kaiwa_relay_latency_seconds_sum", ()] == 5.0002


def test_what_the_database_did_not_answer_is_left_out_and_not_zero() -> None:
    exposed = {name for name, _ in samples_of(counted(), Gauges())}
    assert not exposed & {
        "kaiwa_open_calls",
        "kaiwa_jobs",
        "kaiwa_oldest_ready_job_seconds",
    }
    assert samples_of(counted(), Gauges())["kaiwa_database_up", ()] == 0


def test_what_was_not_asked_for_is_left_out() -> None:
    exposed = {name for name, _ in samples_of(counted(), Gauges(is_database_up=None))}
    assert not exposed & {"kaiwa_database_up", "kaiwa_workers"}


def test_the_metrics_of_no_process_are_those_of_the_database_and_of_the_scrape() -> None:
    assert {
        "kaiwa_open_calls", "kaiwa_jobs", "kaiwa_oldest_ready_job_seconds", "kaiwa_workers",
        "kaiwa_database_up",
    } == SHARED  # fmt: skip


def test_a_known_label_is_zero_until_it_is_counted() -> None:
    known = {"kaiwa_calls_ended_total": ("client_left", "internal")}
    samples = samples_of(counted(), Gauges(known_labels=known))
    assert samples["kaiwa_calls_ended_total", (("ending", "internal"),)] == 0
    assert samples["kaiwa_calls_ended_total", (("ending", "client_left"),)] == 2
