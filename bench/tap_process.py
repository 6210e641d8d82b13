"""A `Tap` in a process of its own, so that the bench's work delays neither events nor times."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection

from bench.tap import Tap


@dataclass(slots=True)
class TapTimes:
    """What a Tap has noted since it was last asked (`Tap.text_delta_at`, `Tap.event_at`)."""

    text_delta_at: list[float] = field(default_factory=list)
    event_at: dict[str, float] = field(default_factory=dict)


class RemoteTap:
    """Asks the process of a Tap."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    async def take(self) -> TapTimes:
        """Return what the tap has noted since the last time, and have it forgotten there."""
        return await asyncio.to_thread(self._take)

    def _take(self) -> TapTimes:
        self._pipe.send("take")
        times: TapTimes = self._pipe.recv()
        return times


@asynccontextmanager
async def tap_process(port: int, far_port: int) -> AsyncIterator[RemoteTap]:
    """Start a process with a Tap that listens on `port` and passes on to `far_port`."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(port, far_port, theirs), daemon=True)
    process.start()
    try:
        tap = RemoteTap(ours)
        await tap.take()  # Answered once it listens.
        yield tap
    finally:
        ours.send("stop")
        await asyncio.to_thread(process.join, 5)


def _run(port: int, far_port: int, pipe: Connection) -> None:
    asyncio.run(_answer(port, far_port, pipe))


async def _answer(port: int, far_port: int, pipe: Connection) -> None:
    tap = Tap()
    stopped = asyncio.Event()

    def answer() -> None:
        if pipe.recv() == "stop":
            stopped.set()
            return
        pipe.send(TapTimes(tap.text_delta_at, tap.event_at))
        tap.text_delta_at, tap.event_at = [], {}

    async with tap.listening(port, far_port):
        asyncio.get_running_loop().add_reader(pipe.fileno(), answer)
        await stopped.wait()
        asyncio.get_running_loop().remove_reader(pipe.fileno())
        # Connections that the server keeps open would hold the exit up.
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
