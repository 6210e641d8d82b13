"""The frames for one side of a call, and how long that side has taken none."""

import asyncio

import pytest

from backend.relay.ports import ClientGone
from backend.relay.send_queue import STUCK_CHARS, SendQueue
from tests.relay.doubles import DirectClient, HandClock, settle


async def test_a_flush_sends_what_is_put_meanwhile_in_its_order() -> None:
    queue, client = SendQueue(HandClock()), DirectClient()
    client.may_read.clear()
    queue.put("a")
    flushing = asyncio.create_task(queue.flush(client.send))
    await settle()
    queue.put("b")
    also = asyncio.create_task(queue.flush(client.send))
    await settle()
    assert queue.flushing == 2
    client.may_read.set()
    await asyncio.gather(flushing, also)
    assert client.received == ["a", "b"]
    assert not queue.texts
    assert not queue.flushing


async def test_a_frame_goes_the_direct_way_where_there_is_one() -> None:
    queue, client = SendQueue(HandClock()), DirectClient()
    queue.put("a")
    assert queue.texts == ["a"]
    queue = SendQueue(HandClock(), client)
    queue.put("b")
    assert client.received == ["b"]
    assert not queue.texts


async def test_no_frame_goes_past_one_that_is_being_sent() -> None:
    client = DirectClient()
    queue = SendQueue(HandClock(), client)
    client.may_read.clear()
    queue.put("a")
    flushing = asyncio.create_task(queue.flush(client.send))
    await settle()
    # The frame is not in the queue any more, and not sent.
    assert not queue.texts
    assert queue.flushing
    client.may_read.set()
    queue.put("b")
    assert client.received == []
    await flushing
    assert client.received == ["a", "b"]


async def test_no_frame_goes_past_one_that_waits() -> None:
    client = DirectClient()
    queue = SendQueue(HandClock(), client)
    queue.put("a")
    client.may_read.clear()
    queue.put("b")
    client.may_read.set()
    queue.put("c")
    assert client.received == ["a"]
    assert queue.take() == ["b", "c"]
    assert not queue.texts


async def test_a_send_that_fails_leaves_the_rest_and_no_sender() -> None:
    client = DirectClient()
    queue = SendQueue(HandClock(), client)
    client.leave()
    queue.put("a")
    queue.put("b")
    with pytest.raises(ClientGone):
        await queue.flush(client.send)
    assert queue.take() == ["b"]
    assert not queue.flushing


async def test_a_side_that_takes_next_to_nothing_is_stuck_and_one_that_takes_enough_is_not() -> (
    None
):
    clock = HandClock()
    client = DirectClient()
    queue = SendQueue(clock, client)
    client.may_read.clear()
    queue.put("a")
    flushing = asyncio.create_task(queue.flush(client.send))
    await settle()
    assert queue.stuck_s(clock.now()) == 0
    await clock.turn(4)
    assert queue.stuck_s(clock.now()) == 4
    client.may_read.set()
    await flushing
    assert queue.stuck_s(clock.now()) == 0
    queue.put("x" * STUCK_CHARS)
    client.may_read.clear()
    queue.put("b")
    flushing = asyncio.create_task(queue.flush(client.send))
    await settle()
    await clock.turn(2)
    assert queue.stuck_s(clock.now()) == 2
    flushing.cancel()
