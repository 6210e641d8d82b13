"""The metrics of several workers: as JSON, with labels, and over real sockets."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from backend.telemetry import sibling_metrics
from backend.telemetry.sibling_metrics import Siblings, decoded, encoded, labelled


def families(value: float) -> list[Metric]:
    """A metric of each kind."""
    counter = CounterMetricFamily("calls_total", "Calls.", labels=["ending"])
    counter.add_metric(["client_left"], value)
    histogram = HistogramMetricFamily("latency_seconds", "Latency.")
    histogram.add_metric([], [("0.1", 1), ("+Inf", value)], 2.5)
    return [counter, histogram, GaugeMetricFamily("slots", "Slots.", value=value)]


def text_of(given: list[Metric]) -> str:
    class Given:
        def collect(self) -> list[Metric]:
            return given

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Given())
    return generate_latest(registry).decode()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not `tmp_path`: a socket's path may have 107 characters at most."""
    with TemporaryDirectory() as made:
        yield Path(made)


def test_metrics_are_the_same_after_their_way_as_json() -> None:
    assert text_of(decoded(encoded(families(3)))) == text_of(families(3))


@pytest.mark.parametrize("text", [b"", b"[", b'[["name"]]', b"[1", "é".encode("latin-1")])
def test_an_answer_that_is_not_whole_is_no_answer(text: bytes) -> None:
    with pytest.raises(ValueError):
        decoded(text)


def test_each_sample_has_its_workers_number_and_each_family_comes_once() -> None:
    joined = labelled({1: families(3), 2: families(4)}, shared=())
    text = text_of(joined)
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["calls_total", ("ending", "client_left"), ("worker", "1")] == 3
    assert samples["calls_total", ("ending", "client_left"), ("worker", "2")] == 4
    assert samples["latency_seconds_bucket", ("le", "+Inf"), ("worker", "2")] == 4
    assert samples["latency_seconds_sum", ("worker", "1")] == 2.5
    assert [line for line in text.splitlines() if line.startswith("# TYPE slots")] == [
        "# TYPE slots gauge"
    ]


def test_what_is_the_same_for_all_has_no_label() -> None:
    text = text_of(labelled({2: families(3)}, shared={"slots"}))
    assert "slots 3.0" in text.splitlines()
    assert 'latency_seconds_sum{worker="2"} 2.5' in text


async def test_a_worker_asks_all_others_and_not_itself(folder: Path) -> None:
    workers = [Siblings(folder, number, 3) for number in (1, 2, 3)]
    for worker in workers:
        await worker.answer(lambda number=worker.number: families(number))  # type: ignore[misc]
    answers = await workers[1].ask()
    for worker in workers:
        worker.close()
    assert {number: text_of(given) for number, given in answers.items()} == {
        number: text_of(families(number)) for number in (1, 3)
    }


async def test_the_others_are_not_waited_for_if_one_is_dead_or_hangs(folder: Path) -> None:
    asking = Siblings(folder, 1, 4, wait_s=0.1)
    living = Siblings(folder, 2, 4)
    await living.answer(lambda: families(2))
    # The third has no socket, and the fourth does not accept.
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / "4.sock"))
        silent.listen()
        async with asyncio.timeout(5):
            assert list(await asking.ask()) == [2]
    living.close()


async def test_a_worker_that_is_started_again_takes_the_socket_of_the_one_before(
    folder: Path,
) -> None:
    killed, started_again = Siblings(folder, 2, 2), Siblings(folder, 2, 2)
    await killed.answer(lambda: families(5))
    await started_again.answer(lambda: families(6))
    answers = await Siblings(folder, 1, 2).ask()
    assert text_of(answers[2]) == text_of(families(6))
    killed.close()
    started_again.close()


def test_a_process_is_the_only_one_until_it_joins(folder: Path) -> None:
    assert sibling_metrics.joined() is None
    siblings = Siblings(folder, 1, 2)
    sibling_metrics.join(siblings)
    assert sibling_metrics.joined() is siblings and siblings.count == 2
    sibling_metrics.leave()
    assert sibling_metrics.joined() is None
