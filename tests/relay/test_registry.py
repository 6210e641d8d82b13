"""The live calls of a process: one per session, a newer one takes over, all drain together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backend.protocol.budget_state import BudgetState
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.relay.registry import CallSlot, LiveCalls
from tests.relay.doubles import settle, until


class FakeCall:
    """A call that ends on request, or only when it must end at once."""

    def __init__(self, *, finishes_its_response: bool = False) -> None:
        self.requests: list[tuple[Ending, bool]] = []
        self.budgets: list[Sequence[BudgetState]] = []
        self.over = asyncio.Event()
        self.state = "ready"
        self._finishes_its_response = finishes_its_response

    def update_budgets(self, states: Sequence[BudgetState]) -> None:
        self.budgets.append(states)

    def hang_up(self, ending: Ending, *, at_once: bool = False) -> None:
        self.requests.append((ending, at_once))
        if at_once or not self._finishes_its_response:
            self.over.set()


class Openings:
    """Opens calls as the runtime does, and keeps the order of events in `story`."""

    def __init__(self, take_over_wait_s: float = 2.0) -> None:
        self.live = LiveCalls(take_over_wait_s)
        self.a_call_opened = asyncio.Event()
        self.story: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def open(self, session_id: str, name: str, call: FakeCall | None = None) -> FakeCall:
        call = call or FakeCall()
        self.tasks.append(asyncio.create_task(self._run(session_id, name, call)))
        await settle()
        return call

    async def _run(self, session_id: str, name: str, call: FakeCall) -> None:
        async with self.live.slot(session_id) as slot:
            self.story.append(f"{name} opened")
            self.a_call_opened.set()
            slot.attach(name, call)
            await call.over.wait()
            self.story.append(f"{name} ended")


@pytest.fixture
async def openings() -> AsyncIterator[Openings]:
    openings = Openings()
    yield openings
    for task in openings.tasks:
        task.cancel()
    await asyncio.gather(*openings.tasks, return_exceptions=True)
    assert openings.live.count == 0


async def test_a_newer_call_opens_when_the_older_has_ended(openings: Openings) -> None:
    first = await openings.open("s", "first")
    await openings.open("s", "second")
    await until(lambda: "second opened" in openings.story)
    assert openings.story == ["first opened", "first ended", "second opened"]
    assert first.requests == [(Ending.TAKEN_OVER, False)]
    assert openings.live.call_ids() == ["second"]


async def test_calls_of_other_sessions_go_on(openings: Openings) -> None:
    first = await openings.open("s", "first")
    await openings.open("t", "second")
    assert openings.live.count == 2
    assert first.requests == []


async def test_the_ids_are_the_same_object_until_a_call_comes_or_goes(openings: Openings) -> None:
    first = await openings.open("s", "first")
    ids = openings.live.call_ids()
    assert openings.live.call_ids() is ids
    async with openings.live.slot("t") as opening:
        assert openings.live.call_ids() == ["first"]
        opening.attach("second", FakeCall())
        assert sorted(openings.live.call_ids()) == ["first", "second"]
    assert openings.live.call_ids() == ["first"]
    first.over.set()
    await settle()
    assert openings.live.call_ids() == []


async def test_a_request_before_the_call_is_attached_is_carried_out_then() -> None:
    slot, call = CallSlot(), FakeCall()
    slot.hang_up(Ending.TAKEN_OVER)
    slot.attach("late", call)
    assert call.requests == [(Ending.TAKEN_OVER, False)]


async def test_of_three_at_once_the_newest_stays(openings: Openings) -> None:
    stubborn = FakeCall(finishes_its_response=True)
    await openings.open("s", "first", stubborn)
    await openings.open("s", "second")
    await openings.open("s", "third")
    stubborn.over.set()
    await until(lambda: "third opened" in openings.story)
    assert "second opened" not in openings.story
    refused = openings.tasks[1].exception()
    assert isinstance(refused, AdmissionRefused)
    assert refused.ending is Ending.TAKEN_OVER
    assert openings.live.call_ids() == ["third"]


async def test_a_newer_call_waits_until_the_older_has_its_row() -> None:
    live = LiveCalls(take_over_wait_s=0.0)
    order: list[str] = []
    row_is_written = asyncio.Event()

    async def run(name: str, opening: asyncio.Event | None) -> None:
        async with live.slot("s") as slot:
            if opening is not None:
                await opening.wait()
            order.append(f"{name} opened")
            slot.attach(name, FakeCall())

    older = asyncio.create_task(run("older", row_is_written))
    await settle()
    newer = asyncio.create_task(run("newer", None))
    await settle()
    assert order == []
    row_is_written.set()
    await asyncio.gather(older, newer)
    assert order == ["older opened", "newer opened"]


async def test_an_older_call_that_does_not_end_is_awaited_briefly() -> None:
    openings = Openings(take_over_wait_s=0.01)
    stubborn = await openings.open("s", "first", FakeCall(finishes_its_response=True))
    openings.a_call_opened.clear()
    newer = await openings.open("s", "second")
    async with asyncio.timeout(1):
        await openings.a_call_opened.wait()
    assert openings.story == ["first opened", "second opened"]
    for call in (stubborn, newer):
        call.over.set()
    await asyncio.gather(*openings.tasks)


async def test_one_call_can_be_ended_by_its_id(openings: Openings) -> None:
    first, second = await openings.open("s", "first"), await openings.open("t", "second")
    openings.live.hang_up("second", Ending.REVOKED)
    openings.live.hang_up("nobody", Ending.REVOKED)
    assert (first.requests, second.requests) == ([], [(Ending.REVOKED, False)])


async def test_draining_lets_responses_end_and_admits_no_call(openings: Openings) -> None:
    quiet = await openings.open("s", "quiet")
    talking = await openings.open("t", "talking", FakeCall(finishes_its_response=True))
    draining = asyncio.create_task(openings.live.drain(5))
    await settle()
    assert quiet.over.is_set()
    assert not draining.done()
    with pytest.raises(AdmissionRefused, match="draining"):
        async with openings.live.slot("u"):
            raise AssertionError("admitted")
    talking.over.set()
    async with asyncio.timeout(1):
        await draining
    assert talking.requests == [(Ending.DRAINING, False)]
    assert openings.live.count == 0


async def test_draining_ends_calls_after_its_time(openings: Openings) -> None:
    talking = await openings.open("t", "talking", FakeCall(finishes_its_response=True))
    async with asyncio.timeout(1):
        await openings.live.drain(0.01)
    assert talking.requests == [(Ending.DRAINING, False), (Ending.DRAINING, True)]
    assert openings.live.count == 0


async def test_draining_in_no_time_ends_calls_at_once(openings: Openings) -> None:
    talking = await openings.open("t", "talking", FakeCall(finishes_its_response=True))
    async with asyncio.timeout(1):
        await openings.live.drain(0)
    assert talking.requests == [(Ending.DRAINING, True)]


async def test_calls_are_counted_by_state_and_one_without_a_row_is_opening() -> None:
    live = LiveCalls()
    async with live.slot("session-1") as slot, live.slot("session-2"):
        slot.attach("call-1", FakeCall())
        assert live.states() == {"ready": 1, "opening": 1}
    assert live.states() == {}


async def test_a_drain_is_visible_before_it_ends() -> None:
    live = LiveCalls()
    assert not live.is_draining
    await live.drain(0)
    assert live.is_draining


async def test_calls_that_are_closing_can_be_awaited(openings: Openings) -> None:
    call = await openings.open("a", "first")
    assert not await openings.live.wait_for_closing(10)
    call.state = "closing"
    waiting = asyncio.create_task(openings.live.wait_for_closing(10))
    await settle()
    assert not waiting.done()
    call.over.set()
    assert await waiting
    assert openings.live.count == 0


async def test_budgets_go_to_the_calls_that_are_there(openings: Openings) -> None:
    one, other = await openings.open("a", "one"), await openings.open("b", "other")
    half = BudgetState("money", Decimal(2), Decimal(1), datetime(2026, 12, 1, tzinfo=UTC))
    openings.live.update_budgets({"one": [half], "gone": []})
    # A call that is being opened has no id yet.
    CallSlot().update_budgets([half])
    assert (one.budgets, other.budgets) == ([[half]], [])


async def test_that_there_is_still_no_budget_is_not_passed_on(openings: Openings) -> None:
    call = await openings.open("a", "one")
    half = BudgetState("money", Decimal(2), Decimal(1), datetime(2026, 12, 1, tzinfo=UTC))
    for states in ([], [half], [half], [], []):
        openings.live.update_budgets({"one": states})
        assert openings.live.have_budgets is bool(states)
    assert call.budgets == [[half], [half], []], "the last of them is that it was taken away"
