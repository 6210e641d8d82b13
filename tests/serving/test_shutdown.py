"""The shutdown steps that both servers share, apart from a process's exit."""

import asyncio
import logging
from dataclasses import asdict, dataclass, field

import pytest

from backend.serving import shutdown
from backend.serving.shutdown import ShutdownTimeouts

QUICK = ShutdownTimeouts(drain_s=0.05, drain_overrun_s=0.05, flush_s=0.05, flush_overrun_s=0.2)


def test_the_whole_shutdown_takes_less_than_36_s() -> None:
    assert ShutdownTimeouts().total_s < 36
    doubled = ShutdownTimeouts(**{
        name: 2 * seconds for name, seconds in asdict(ShutdownTimeouts()).items()
        if name != "interrupt_drain_s"
    })  # fmt: skip
    assert doubled.total_s == pytest.approx(2 * ShutdownTimeouts().total_s)


@dataclass
class FakeRuntime:
    """Takes `takes_s` for each step, or raises; `stop` writes nothing after its `wait_s`."""

    takes_s: float = 0.0
    error: Exception | None = None
    drained_s: list[float] = field(default_factory=list)
    lost: bool | None = None

    def start(self) -> None: ...

    async def drain(self, seconds: float) -> None:
        self.drained_s.append(seconds)
        await self._work(self.takes_s)

    async def stop(self, wait_s: float) -> bool:
        await self._work(min(wait_s, self.takes_s))
        self.lost = self.takes_s > wait_s
        return not self.lost

    async def _work(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.error:
            raise self.error


@pytest.mark.parametrize(
    ("runtime", "is_flushed", "lost"),
    [
        (FakeRuntime(), True, False),
        (FakeRuntime(takes_s=10), False, True),
        (FakeRuntime(error=RuntimeError("the database is gone")), False, None),
    ],
    ids=["in time", "too slow", "raises"],
)
async def test_the_runtime_can_report_what_it_lost_before_the_outer_timeout(
    runtime: FakeRuntime, is_flushed: bool, lost: bool | None
) -> None:
    assert await shutdown.flush(runtime, QUICK) is is_flushed
    assert runtime.lost is lost


@pytest.mark.parametrize(
    ("runtime", "error"),
    [
        (FakeRuntime(takes_s=10), "TimeoutError"),
        (FakeRuntime(error=RuntimeError("broken")), "RuntimeError"),
    ],
    ids=["too slow", "raises"],
)
async def test_a_drain_that_fails_is_logged_and_does_not_raise(
    runtime: FakeRuntime, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        await shutdown.drain(runtime, QUICK.drain_s, QUICK)
    assert runtime.drained_s == [QUICK.drain_s]
    assert vars(caplog.records[0])["fields"] == {"error": error}


@pytest.mark.parametrize(("is_flushed", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_everything_was_written(is_flushed: bool, code: int) -> None:
    assert shutdown.exit_code(is_flushed) == code
