"""The calls of a process: one a session, a newer one takes over, all drain together."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.relay.registry import CallSlot, LiveCalls
from tests.relay.doubles import settle, until


class Held:
    """A call that ends when it is asked to, or only when it must."""

    def __init__(self, *, finishes_its_answer: bool = False) -> None:
        self.asked: list[tuple[Ending, bool]] = []
        self.over = asyncio.Event()
        self._finishes_its_answer = finishes_its_answer

    def hang_up(self, ending: Ending, *, at_once: bool = False) -> None:
        self.asked.append((ending, at_once))
        if at_once or not self._finishes_its_answer:
            self.over.set()


class Desk:
    """Opens calls as the house does, and remembers in which order what happened."""

    def __init__(self, take_over_wait_s: float = 2.0) -> None:
        self.live = LiveCalls(take_over_wait_s)
        self.someone_opened = asyncio.Event()
        self.story: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def open(self, session_id: str, name: str, call: Held | None = None) -> Held:
        call = call or Held()
        self.tasks.append(asyncio.create_task(self._hold(session_id, name, call)))
        await settle()
        return call

    async def _hold(self, session_id: str, name: str, call: Held) -> None:
        async with self.live.slot(session_id) as slot:
            self.story.append(f"{name} opened")
            self.someone_opened.set()
            slot.attach(name, call)
            await call.over.wait()
            self.story.append(f"{name} ended")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    for task in desk.tasks:
        task.cancel()
    await asyncio.gather(*desk.tasks, return_exceptions=True)
    assert desk.live.count == 0


async def test_a_newer_call_opens_when_the_older_has_ended(desk: Desk) -> None:
    first = await desk.open("s", "first")
    await desk.open("s", "second")
    await until(lambda: "second opened" in desk.story)
    assert desk.story == ["first opened", "first ended", "second opened"]
    assert first.asked == [(Ending.TAKEN_OVER, False)]
    assert desk.live.call_ids() == ["second"]


async def test_calls_of_other_sessions_are_left_alone(desk: Desk) -> None:
    first = await desk.open("s", "first")
    await desk.open("t", "second")
    assert desk.live.count == 2
    assert first.asked == []


async def test_a_place_without_a_call_yet_hands_the_wish_on() -> None:
    slot, call = CallSlot(), Held()
    slot.hang_up(Ending.TAKEN_OVER)
    slot.attach("late", call)
    assert call.asked == [(Ending.TAKEN_OVER, False)]


async def test_of_three_at_once_the_newest_stays(desk: Desk) -> None:
    stubborn = Held(finishes_its_answer=True)
    await desk.open("s", "first", stubborn)
    await desk.open("s", "second")
    await desk.open("s", "third")
    stubborn.over.set()
    await until(lambda: "third opened" in desk.story)
    assert "second opened" not in desk.story
    refused = desk.tasks[1].exception()
    assert isinstance(refused, AdmissionRefused)
    assert refused.ending is Ending.TAKEN_OVER
    assert desk.live.call_ids() == ["third"]


async def test_a_newer_call_waits_until_the_older_has_its_row() -> None:
    live = LiveCalls(take_over_wait_s=0.0)
    order: list[str] = []
    row_is_written = asyncio.Event()

    async def hold(name: str, opening: asyncio.Event | None) -> None:
        async with live.slot("s") as slot:
            if opening is not None:
                await opening.wait()
            order.append(f"{name} opened")
            slot.attach(name, Held())

    older = asyncio.create_task(hold("older", row_is_written))
    await settle()
    newer = asyncio.create_task(hold("newer", None))
    await settle()
    assert order == []
    row_is_written.set()
    await asyncio.gather(older, newer)
    assert order == ["older opened", "newer opened"]


async def test_an_older_call_that_does_not_end_is_not_waited_for_long() -> None:
    desk = Desk(take_over_wait_s=0.01)
    stubborn = await desk.open("s", "first", Held(finishes_its_answer=True))
    desk.someone_opened.clear()
    newer = await desk.open("s", "second")
    async with asyncio.timeout(1):
        await desk.someone_opened.wait()
    assert desk.story == ["first opened", "second opened"]
    for call in (stubborn, newer):
        call.over.set()
    await asyncio.gather(*desk.tasks)


async def test_one_call_can_be_hung_up_on_by_its_id(desk: Desk) -> None:
    first, second = await desk.open("s", "first"), await desk.open("t", "second")
    desk.live.hang_up("second", Ending.REVOKED)
    desk.live.hang_up("nobody", Ending.REVOKED)
    assert (first.asked, second.asked) == ([], [(Ending.REVOKED, False)])


async def test_draining_lets_answers_end_and_admits_nobody(desk: Desk) -> None:
    quiet = await desk.open("s", "quiet")
    talking = await desk.open("t", "talking", Held(finishes_its_answer=True))
    draining = asyncio.create_task(desk.live.drain(5))
    await settle()
    assert quiet.over.is_set()
    assert not draining.done()
    with pytest.raises(AdmissionRefused, match="draining"):
        async with desk.live.slot("u"):
            raise AssertionError("admitted")
    talking.over.set()
    async with asyncio.timeout(1):
        await draining
    assert talking.asked == [(Ending.DRAINING, False)]
    assert desk.live.count == 0


async def test_draining_has_an_end(desk: Desk) -> None:
    talking = await desk.open("t", "talking", Held(finishes_its_answer=True))
    async with asyncio.timeout(1):
        await desk.live.drain(0.01)
    assert talking.asked == [(Ending.DRAINING, False), (Ending.DRAINING, True)]
    assert desk.live.count == 0


async def test_draining_in_no_time_hangs_up_at_once(desk: Desk) -> None:
    talking = await desk.open("t", "talking", Held(finishes_its_answer=True))
    async with asyncio.timeout(1):
        await desk.live.drain(0)
    assert talking.asked == [(Ending.DRAINING, True)]
