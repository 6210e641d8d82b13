"""Sleeps that end together: never early, a little late, and harmless when they are cancelled."""

import asyncio

from backend.relay.shared_timer import WAKE_EVERY_S, SharedTimer


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time passes at once when nothing else is to be done."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.03
        self.timers = 0

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, *rest: object, **more: object) -> asyncio.TimerHandle:
        self.timers += 1
        self.call_soon(self._pass_to, when)
        return super().call_at(when, *rest, **more)  # type: ignore[arg-type]

    def _pass_to(self, when: float) -> None:
        self.now_s = max(self.now_s, when)


def test_a_sleep_ends_at_the_first_common_moment_after_its_time() -> None:
    async def main() -> float:
        await SharedTimer().sleep(0.5)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(main()) == 100.625
    assert 0.625 % WAKE_EVERY_S == 0


def test_who_sleeps_again_when_woken_keeps_its_pace() -> None:
    async def main() -> list[float]:
        timer, loop = SharedTimer(), asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        woken = []
        for _ in range(4):
            await timer.sleep(0.5)
            # The work of others at that moment.
            loop.now_s += 0.01
            woken.append(loop.time())
        return woken

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(main()) == [100.635, 101.135, 101.635, 102.135]


def test_sleeps_of_about_the_same_time_share_one_timer() -> None:
    loop = Loop()

    async def main() -> int:
        timer = SharedTimer()
        before = loop.timers
        await asyncio.gather(*(timer.sleep(0.5 + number / 1000) for number in range(90)))
        return loop.timers - before

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(main()) == 1


def test_a_sleep_that_is_cancelled_disturbs_no_other() -> None:
    async def main() -> None:
        timer = SharedTimer()
        sleeping = [asyncio.ensure_future(timer.sleep(0.5)) for _ in range(3)]
        await asyncio.sleep(0)
        sleeping[1].cancel()
        results = await asyncio.gather(*sleeping, return_exceptions=True)
        assert [type(result) for result in results] == [
            type(None),
            asyncio.CancelledError,
            type(None),
        ]

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())
