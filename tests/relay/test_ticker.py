"""One task for all members, ticked in turns, and gone with the last of them."""

import asyncio
import weakref
from collections.abc import Callable

import pytest

from backend.beats import next_beat_s
from backend.relay.ticker import Ticker
from backend.telemetry.log_context import CALL_ID
from tests.relay.doubles import HandClock, settle


class Member:
    """Notes when it was ticked, and does what the test says."""

    def __init__(self, clock: HandClock, does: Callable[[], None] = lambda: None) -> None:
        self.clock, self.does = clock, does
        self.ticked_s: list[float] = []
        self.call_ids: list[str | None] = []

    def tick(self) -> None:
        self.ticked_s.append(self.clock.seconds)
        self.call_ids.append(CALL_ID.get())
        self.does()


async def test_a_member_is_ticked_at_its_pace() -> None:
    clock = HandClock()
    ticker, member = Ticker(clock.sleep, 0.5, now_s=lambda: clock.seconds), Member(clock)
    ticker.add(member)
    await settle()
    await clock.turn(1.6)
    assert member.ticked_s == [0.5, 1.0, 1.5]
    ticker.remove(member)
    await settle()


async def test_later_members_are_ticked_in_other_groups() -> None:
    clock = HandClock()
    ticker = Ticker(clock.sleep, 0.5, groups=4, now_s=lambda: clock.seconds)
    members = [Member(clock) for _ in range(3)]
    for member in members:
        ticker.add(member)
        await settle()
        await clock.turn(0.125)
    await clock.turn(0.625)
    assert [member.ticked_s for member in members] == [[0.5, 1.0], [0.625], [0.75]]
    for member in members:
        ticker.remove(member)
    await settle()


async def test_the_task_lives_as_long_as_there_are_members() -> None:
    clock = HandClock()
    ticker, first, second = (
        Ticker(clock.sleep, 0.5, now_s=lambda: clock.seconds),
        Member(clock),
        Member(clock),
    )
    alone = asyncio.all_tasks()
    for _ in range(2):
        ticker.add(first)
        ticker.add(second)
        assert len(asyncio.all_tasks() - alone) == 1
        ticker.remove(first)
        ticker.remove(first)
        assert len(asyncio.all_tasks() - alone) == 1
        ticker.remove(second)
        await settle()
        assert asyncio.all_tasks() == alone


async def test_a_member_may_leave_in_its_tick() -> None:
    clock = HandClock()
    ticker = Ticker(clock.sleep, 0.5, groups=1, now_s=lambda: clock.seconds)
    first = Member(clock, lambda: ticker.remove(first))
    second = Member(clock)
    ticker.add(first)
    ticker.add(second)
    await settle()
    await clock.turn(1)
    assert (first.ticked_s, second.ticked_s) == ([0.5], [0.5, 1.0])
    ticker.remove(second)
    await settle()


async def test_a_tick_is_not_logged_as_that_of_the_first_call() -> None:
    clock = HandClock()
    ticker, member = Ticker(clock.sleep, 0.5, now_s=lambda: clock.seconds), Member(clock)
    token = CALL_ID.set("first")
    ticker.add(member)
    CALL_ID.reset(token)
    await settle()
    await clock.turn(0.5)
    assert member.call_ids == [None]
    ticker.remove(member)
    await settle()


class Rester(Member):
    """Wakes when it is ticked, and rests again for the next of these numbers of ticks."""

    def __init__(self, clock: HandClock, ticker: Ticker, *rests: int) -> None:
        super().__init__(clock)
        self.ticker, self.rests, self.rested_s = ticker, list(rests), list[float]()
        ticker.add(self)

    def tick(self) -> None:
        super().tick()
        self.rested_s.append(self.ticker.wake(self))
        if self.rests:
            self.ticker.rest(self, self.rests.pop(0))


@pytest.mark.parametrize("groups", [1, 2, 4])
async def test_a_member_that_rests_is_ticked_at_the_end_of_its_rest(groups: int) -> None:
    clock, counted = HandClock(), list[float]()
    ticker = Ticker(clock.sleep, 0.5, groups, counted.append, lambda: clock.seconds)
    resting, other = Rester(clock, ticker, 3, 1, 4), Member(clock)
    ticker.add(other)
    await settle()
    await clock.turn(6)
    assert resting.ticked_s == [0.5, 2.0, 2.5, 4.5, 5.0, 5.5, 6.0]
    assert resting.rested_s == [0.0, 1.5, 0.5, 2.0, 0.0, 0.0, 0.0]
    assert len(other.ticked_s) == 12
    assert sum(counted) == sum(resting.rested_s) == 4.0
    for member in (resting, other):
        ticker.remove(member)
    await settle()


async def test_while_all_rest_the_task_wakes_once_in_the_whole_time_of_a_tick() -> None:
    clock, slept_s = HandClock(), list[float]()

    async def sleep(seconds: float) -> None:
        slept_s.append(seconds)
        await clock.sleep(seconds)

    ticker = Ticker(sleep, 0.5, groups=2, now_s=lambda: clock.seconds)
    first, second = Rester(clock, ticker, 4), Rester(clock, ticker, 2)
    await settle()
    await clock.turn(0.5)
    del slept_s[:-1]
    await clock.turn(1)
    assert (first.ticked_s, second.ticked_s) == ([0.5], [0.5, 1.5])
    assert slept_s == [0.5, 0.5, 0.25], "the second is awake from then on"
    for member in (first, second):
        ticker.remove(member)
    await settle()


async def test_one_that_wakes_is_ticked_within_the_time_of_a_tick() -> None:
    clock, counted = HandClock(), list[float]()
    ticker = Ticker(clock.sleep, 0.5, 2, counted.append, lambda: clock.seconds)
    member, other = Rester(clock, ticker, 20), Rester(clock, ticker, 20)
    await settle()
    await clock.turn(2.2)
    assert ticker.wake(member) == 1.5
    assert ticker.wake(member) == 0.0
    await clock.turn(0.8)
    assert member.ticked_s == [0.5, 2.5, 3.0]
    assert other.ticked_s == [0.5]
    assert ticker.wake(other) == 2.5
    assert sum(counted) == 4.0
    for each in (member, other):
        ticker.remove(each)
    await settle()


async def test_one_that_leaves_while_it_rests_is_forgotten() -> None:
    clock, counted = HandClock(), list[float]()
    ticker = Ticker(clock.sleep, 0.5, 2, counted.append, lambda: clock.seconds)
    alone = asyncio.all_tasks()
    staying, leaving = Rester(clock, ticker, 4), Rester(clock, ticker, 4)
    await settle()
    await clock.turn(1)
    ticker.remove(leaving)
    gone = weakref.ref(leaving)
    del leaving
    await clock.turn(1.5)
    assert gone() is None
    assert staying.ticked_s == [0.5, 2.5]
    assert sum(counted) == 0.5 * 2 + 1.5
    ticker.remove(staying)
    await settle()
    assert asyncio.all_tasks() == alone


async def test_many_short_rests_do_not_end_a_long_one_early() -> None:
    clock, counted = HandClock(), list[float]()

    async def sleep(seconds: float) -> None:
        await clock.sleep(next_beat_s(clock.seconds, seconds) - clock.seconds)

    ticker = Ticker(sleep, 0.5, 2, counted.append, lambda: clock.seconds)
    resting, first, last = (Rester(clock, ticker, ticks) for ticks in (200, 1_000, 1_000))
    await settle()
    await clock.turn(0.5)
    for _ in range(30):
        ticker.wake(first)
        await clock.turn(0.8)
        ticker.wake(last)
        await clock.turn(1)
        # At a quarter of a second, so that the next multiple of half a second is nearer than that.
        first.rests, last.rests = [1_000], [1_000]
        await clock.turn(1.2)
    await clock.turn(12)
    assert resting.ticked_s[:2] == [0.5, pytest.approx(100.5, abs=0.25)]
    assert sum(resting.rested_s) == pytest.approx(100, abs=0.25)
    for each in (resting, first, last):
        ticker.remove(each)
    await settle()


async def test_a_rest_ends_in_time_when_the_process_has_stood_still() -> None:
    clock, counted = HandClock(), list[float]()

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if clock.seconds == 1.0:
            clock.seconds = 15.0

    ticker = Ticker(sleep, 0.5, 2, counted.append, lambda: clock.seconds)
    member, other = Rester(clock, ticker, 20), Rester(clock, ticker, 60)
    await settle()
    await clock.turn(1)
    assert member.ticked_s == [0.5, 15.0], "at once, not 14 s later"
    assert member.rested_s == [0.0, 14.5]
    assert ticker.wake(other) == 14.5
    assert sum(counted) == 29.0
    for each in (member, other):
        ticker.remove(each)
    await settle()
