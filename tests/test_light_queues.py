"""The light queues behave as those of asyncio, and take a fraction of their memory."""

import asyncio
import random
import sys
from collections import deque

from backend.light_queues import LightEvent, LightQueue, ShortDeque


def test_a_short_deque_is_a_deque() -> None:
    chance = random.Random(7)
    short, real = ShortDeque[int](), deque[int]()
    for number in range(1000):
        match chance.randrange(4):
            case 0 | 1:
                short.append(number)
                real.append(number)
            case 2 if real:
                assert short.popleft() == real.popleft()
            case _:
                short.extendleft([number, -number])
                real.extendleft([number, -number])
        assert list(short) == list(real)
        assert bool(short) == bool(real)


async def test_an_event_wakes_all_that_wait_and_none_that_was_cancelled() -> None:
    event = LightEvent()
    waiting = [asyncio.ensure_future(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    event.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [bool, asyncio.CancelledError, bool]
    event.clear()
    assert not event.is_set()


async def test_a_queue_gives_what_was_put_in_its_order_also_after_a_cancelled_get() -> None:
    queue = LightQueue[int]()
    first, second = (asyncio.ensure_future(queue.get()) for _ in range(2))
    await asyncio.sleep(0)
    queue.put_nowait(1)
    first.cancel()
    queue.put_nowait(2)
    assert await second == 1
    assert not queue.empty()
    assert await queue.get() == 2
    assert queue.empty()


async def test_they_are_small() -> None:
    light, real = LightQueue[int](), asyncio.Queue[int]()
    parts = ("_getters", "_putters", "_queue")
    light_bytes = sum(sys.getsizeof(getattr(light, part)) for part in parts)
    assert 4 * light_bytes < sum(sys.getsizeof(getattr(real, part)) for part in parts)
    assert 4 * sys.getsizeof(LightEvent()._waiters) < sys.getsizeof(asyncio.Event()._waiters)
    assert not any(isinstance(each, deque) for each in vars(light).values())
