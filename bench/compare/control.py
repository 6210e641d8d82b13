"""Runs an object of the bench in a process of its own, and calls its methods from here.

The far end and the load are such objects: neither their work nor that of the bench itself happens
in the relay's process.
"""

import asyncio
import contextlib
import gc
import inspect
import os
from collections.abc import Callable, Collection
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Self

import uvloop


class Remote:
    """An object in another process. `call` runs one of its methods there."""

    def __init__(self, make: Callable[[], Any], cores: Collection[int]) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(make, theirs, cores), daemon=True)
        self._process.start()
        theirs.close()

    def call(self, method: str, *arguments: Any) -> Any:
        """Return the method's result; a coroutine's, once it is done. Raises what it raises."""
        self._pipe.send((method, arguments))
        result = self._pipe.recv()
        if isinstance(result, BaseException):
            raise result
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()


def _run(make: Callable[[], Any], pipe: Connection, cores: Collection[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
    # A collection would be measured as the relay's delay. A run makes few cycles.
    gc.disable()
    uvloop.run(_serve(make, pipe))


async def _serve(make: Callable[[], Any], pipe: Connection) -> None:
    served = make()
    # In a thread: a loop that watches the pipe makes it non-blocking, and a long result then fails.
    while (request := await asyncio.to_thread(pipe.recv)) is not None:
        method, arguments = request
        try:
            result = getattr(served, method)(*arguments)
            pipe.send(await result if inspect.isawaitable(result) else result)
        # Also what no code of the bench raises, such as a cancellation: it is told to the caller.
        except BaseException as error:
            pipe.send(RuntimeError(f"{method}: {type(error).__name__}: {error}"))
