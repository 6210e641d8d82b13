"""Beats: moments that all periodic work of a process shares (timer coalescing), at multiples of its
period in seconds.

To wake a process that does nothing costs more than most of what it wakes for: 0.1 ms. So what is
done every half second is done together with what is done every quarter of one.
"""

import asyncio


def next_beat_s(now_s: float, every_s: float) -> float:
    """The next multiple of `every_s`, at least a tenth of that from now."""
    due_s = now_s - now_s % every_s + every_s
    return due_s if due_s - now_s >= every_s / 10 else due_s + every_s


async def sleep_to_beat(every_s: float) -> None:
    """Return at the next beat of the running event loop's clock."""
    now_s = asyncio.get_running_loop().time()
    await asyncio.sleep(next_beat_s(now_s, every_s) - now_s)
