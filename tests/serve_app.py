"""A tiny application and a tiny runtime behind the real servers, for tests of `backend.serve`.

    python -m tests.serve_app --server uvicorn --drain-s 3

Prints `listening PORT`, then one line for everything that a test wants to know.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import logging.config
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from backend.serve import Patience, listen, run_daphne, run_uvicorn
from backend.telemetry.logs import LineFormatter

CHUNK = "x" * 65_536


def say(*words: object) -> None:
    print(*words, flush=True)


class Call:
    """One socket that is in the middle of a reply until the client says `done`."""

    def __init__(self, send: Any) -> None:
        self.send = send
        self.replied = asyncio.Event()
        self.ended = asyncio.Event()


class TinyHouse:
    """Drains as the real one does: tells all, waits for replies, hangs up with 1012."""

    def __init__(self) -> None:
        self.calls: set[Call] = set()
        self.stop_takes_s = 0.0
        self.drain_fails = False

    def start(self) -> None:
        say("started")

    async def drain(self, seconds: float) -> None:
        say("drain", seconds)
        if self.drain_fails:
            raise RuntimeError("the drain is broken")
        calls = set(self.calls)
        for call in calls:
            await call.send({"type": "websocket.send", "text": "draining"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(call.replied.wait() for call in calls))
        for call in calls:
            await call.send({"type": "websocket.close", "code": 1012, "reason": "draining"})
        await asyncio.gather(*(call.ended.wait() for call in calls))

    async def stop(self, flush_s: float) -> None:
        await asyncio.sleep(self.stop_takes_s)
        say("flushed")


HOUSE = TinyHouse()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """`/reply`, `/flood`, `/deaf`, `/fill` over WebSocket; over HTTP all is `ok`.

    Handshakes that come to nothing: `/refuse`, `/half-refuse`, `/silence`.
    """
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await receive()
    if "refuse" in scope["path"]:
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
    if scope["path"] == "/refuse":
        await send({"type": "websocket.http.response.body", "body": b"no"})
    if scope["path"] in ("/refuse", "/half-refuse", "/silence"):
        return
    await send({"type": "websocket.accept"})
    await {"/reply": reply, "/flood": flood, "/fill": fill, "/deaf": deaf}[scope["path"]](
        receive, send
    )


async def reply(receive: Any, send: Any) -> None:
    """A call of the runtime: ends when the client leaves or the runtime hangs up."""
    call = Call(send)
    HOUSE.calls.add(call)
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": message["text"]})
            if message["text"] == "done":
                call.replied.set()
    finally:
        HOUSE.calls.discard(call)
        call.ended.set()
        say("ended")


async def flood(receive: Any, send: Any) -> None:
    """Send as fast as the client reads, and read all that it says."""

    async def hear() -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass

    hearing = asyncio.create_task(hear())
    sent, began = 0, time.monotonic()
    try:
        while True:
            await send({"type": "websocket.send", "text": CHUNK})
            sent += len(CHUNK)
    except OSError:
        say("cut", sent, round(time.monotonic() - began, 2))
    finally:
        hearing.cancel()


async def fill(receive: Any, send: Any) -> None:
    """Fill the kernel's buffers and a little more, then end: nothing is paused, all is stuck."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            while True:
                await send({"type": "websocket.send", "text": CHUNK[:8192]})
    say("filled")


async def deaf(receive: Any, send: Any) -> None:
    """Neither read nor write, and resist being cancelled."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


def main() -> int:
    """Serve `app` as the command line says."""
    options = argparse.ArgumentParser()
    options.add_argument("--server", choices=["uvicorn", "daphne"], default="uvicorn")
    options.add_argument("--stop-takes-s", type=float, default=0.0)
    options.add_argument("--drain-fails", action="store_true")
    options.add_argument("--thread-hangs", action="store_true")
    for field in dataclasses.fields(Patience):
        options.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    given = options.parse_args()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    HOUSE.stop_takes_s = given.stop_takes_s
    HOUSE.drain_fails = given.drain_fails
    if given.thread_hangs:
        threading.Thread(target=time.sleep, args=(60,)).start()
    patience = Patience(
        **{field.name: getattr(given, field.name) for field in dataclasses.fields(Patience)}
    )
    listener = listen("127.0.0.1", 0)
    say("listening", listener.getsockname()[1])
    if given.server == "daphne":
        os.chdir(Path(__file__).resolve().parent.parent)
        sys.modules["tests.serve_app"] = sys.modules["__main__"]
        return run_daphne("tests.serve_app:app", listener, lambda: HOUSE, patience)
    return run_uvicorn(app, listener, lambda: HOUSE, patience)


if __name__ == "__main__":
    sys.exit(main())
