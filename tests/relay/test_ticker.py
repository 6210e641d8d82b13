"""One task for all members, ticked in turns, and gone with the last of them."""

import asyncio
from collections.abc import Callable

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
    ticker, member = Ticker(clock.sleep, 0.5), Member(clock)
    ticker.add(member)
    await settle()
    await clock.turn(1.6)
    assert member.ticked_s == [0.5, 1.0, 1.5]
    ticker.remove(member)
    await settle()


async def test_later_members_are_ticked_in_other_groups() -> None:
    clock = HandClock()
    ticker = Ticker(clock.sleep, 0.5, groups=4)
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
    ticker, first, second = Ticker(clock.sleep, 0.5), Member(clock), Member(clock)
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
    ticker = Ticker(clock.sleep, 0.5, groups=1)
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
    ticker, member = Ticker(clock.sleep, 0.5), Member(clock)
    token = CALL_ID.set("first")
    ticker.add(member)
    CALL_ID.reset(token)
    await settle()
    await clock.turn(0.5)
    assert member.call_ids == [None]
    ticker.remove(member)
    await settle()
