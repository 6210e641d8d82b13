"""The cost of a conversation, once it has the usage of an answer."""

from collections.abc import Callable

import pytest

from backend.cli import cost_watch
from backend.cli.cost_watch import CostWatch
from backend.cli.failures import ExitCode, Failure
from backend.cli.server_api import Cost
from backend.protocol.usage import Usage

ANSWER = Usage("resp_1", "response", text_out=5, audio_out=20)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_watch, "_PAUSE_S", 0.0)


def reading(*costs: Cost | Failure) -> Callable[[], Cost]:
    """Reads these costs, one after another; the last one again and again."""
    waiting = list(costs)

    def read() -> Cost:
        cost = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(cost, Failure):
            raise cost
        return cost

    return read


async def test_a_cost_counts_when_the_answer_is_in_it() -> None:
    before = Cost("0.01", False, 100)
    # The transcript of the question was stored first.
    transcribed = Cost("0.0102", False, 100)
    answered = Cost("0.02", False, 125)
    watch = CostWatch(reading(before, before, transcribed, answered))
    await watch.begin()
    assert await watch.after(ANSWER) == answered


async def test_a_usage_that_is_not_stored_in_time_leaves_the_latest_cost() -> None:
    watch = CostWatch(reading(Cost("0.01", False, 100)))
    await watch.begin()
    assert await watch.after(ANSWER) == Cost("0.01", False, 100)


async def test_a_cost_that_cannot_be_read_is_none() -> None:
    watch = CostWatch(reading(Failure(ExitCode.UNREACHABLE, "server_unreachable")))
    await watch.begin()
    assert await watch.after(ANSWER) is None
