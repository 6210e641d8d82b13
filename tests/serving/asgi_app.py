"""A small ASGI application and a fake runtime, served by the real servers.

    python -m tests.serving.asgi_app --server uvicorn --drain-s 3

Prints `listening PORT`, then one line for each event a test may wait for.
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
from typing import Any, TypeVar

from backend.serving.connection_limits import (
    ConnectionCounter,
    ConnectionLimits,
    ConnectionPacer,
)
from backend.serving.daphne_server import run_daphne
from backend.serving.http_protocol import RequestTimeouts
from backend.serving.listener import listen
from backend.serving.shutdown import ShutdownTimeouts
from backend.serving.uvicorn_server import run_uvicorn
from backend.serving.websocket_protocol import WRITE_TIMEOUT_S
from backend.telemetry.logs import LineFormatter

CHUNK = "x" * 65_536

Timeouts = TypeVar("Timeouts", ShutdownTimeouts, RequestTimeouts)


def report(*words: object) -> None:
    """Print one line for the test."""
    print(*words, flush=True)


class Call:
    """A connection in the middle of a reply, which ends when the client sends `done`."""

    def __init__(self, send: Any) -> None:
        self.send = send
        self.replied = asyncio.Event()
        self.ended = asyncio.Event()


class FakeRuntime:
    """Drains as the real one does: notify all calls, wait for replies, close with 1012."""

    def __init__(self) -> None:
        self.calls: set[Call] = set()
        self.stop_takes_s = 0.0
        self.drain_fails = False
        self.loses_turns = False

    def start(self) -> None:
        report("started")

    async def drain(self, seconds: float) -> None:
        report("drain", seconds)
        if self.drain_fails:
            raise RuntimeError("--drain-fails")
        calls = set(self.calls)
        for call in calls:
            await call.send({"type": "websocket.send", "text": "draining"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(call.replied.wait() for call in calls))
        for call in calls:
            await call.send({"type": "websocket.close", "code": 1012, "reason": "draining"})
        await asyncio.gather(*(call.ended.wait() for call in calls))

    async def stop(self, wait_s: float) -> bool:
        await asyncio.sleep(self.stop_takes_s)
        report("flushed", wait_s)
        return not self.loses_turns


RUNTIME = FakeRuntime()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Serve `/reply`, `/flood`, `/fill`, `/hang` over WebSocket; answer any HTTP with `ok`, `/slow`
    when the body has come, and with it.

    Handshakes that are not accepted: `/refuse` (a complete HTTP refusal), `/half-refuse` (one
    without a body), `/silence` (no answer).
    """
    if scope["type"] == "http":
        body = b"ok"
        while scope["path"] == "/slow":
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
        return
    await receive()
    if "refuse" in scope["path"]:
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
    if scope["path"] == "/refuse":
        await send({"type": "websocket.http.response.body", "body": b"no"})
    if scope["path"] in ("/refuse", "/half-refuse", "/silence"):
        return
    await send({"type": "websocket.accept"})
    await {"/reply": reply, "/flood": flood, "/fill": fill, "/hang": hang}[scope["path"]](
        receive, send
    )


async def reply(receive: Any, send: Any) -> None:
    """Echo; ends when the client disconnects or the runtime closes."""
    call = Call(send)
    RUNTIME.calls.add(call)
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": message["text"]})
            if message["text"] == "done":
                call.replied.set()
    finally:
        RUNTIME.calls.discard(call)
        call.ended.set()
        report("ended")


async def flood(receive: Any, send: Any) -> None:
    """Send as fast as the client reads, and read everything it sends."""

    async def read() -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass

    reading = asyncio.create_task(read())
    sent, began = 0, time.monotonic()
    try:
        while True:
            await send({"type": "websocket.send", "text": CHUNK})
            sent += len(CHUNK)
    except OSError:
        report("aborted", sent, round(time.monotonic() - began, 2))
    finally:
        reading.cancel()


async def fill(receive: Any, send: Any) -> None:
    """Fill the kernel's buffers and a little more, then end.

    The rest stays below uvicorn's high-water mark, so writing is never paused.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            while True:
                await send({"type": "websocket.send", "text": CHUNK[:8192]})
    report("filled")


async def hang(receive: Any, send: Any) -> None:
    """Neither read nor write, and ignore cancellation."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


def main() -> int:
    """Serve `app` with the options of the command line."""
    options = argparse.ArgumentParser()
    options.add_argument("--server", choices=["uvicorn", "daphne"], default="uvicorn")
    options.add_argument("--most-connections", type=int, default=100)
    options.add_argument("--new-per-s", type=float, default=100)
    options.add_argument("--new-at-once", type=int, default=50)
    options.add_argument("--most-per-address", type=int, default=100)
    options.add_argument("--stop-takes-s", type=float, default=0.0)
    options.add_argument("--drain-fails", action="store_true")
    options.add_argument("--loses-turns", action="store_true")
    options.add_argument("--thread-hangs", action="store_true")
    options.add_argument("--reports-beats", action="store_true")
    for field in dataclasses.fields(ShutdownTimeouts) + dataclasses.fields(RequestTimeouts):
        options.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    options.add_argument("--write-timeout-s", type=float, default=WRITE_TIMEOUT_S)
    given = options.parse_args()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    RUNTIME.stop_takes_s = given.stop_takes_s
    RUNTIME.drain_fails = given.drain_fails
    RUNTIME.loses_turns = given.loses_turns
    if given.thread_hangs:
        threading.Thread(target=time.sleep, args=(60,)).start()
    timeouts = _given_fields(ShutdownTimeouts, given)
    listener = listen("127.0.0.1", 0)
    report("listening", listener.getsockname()[1])
    if given.server == "daphne":
        os.chdir(Path(__file__).resolve().parent.parent.parent)
        # Daphne imports the application by name: give it this module, not a second copy.
        sys.modules["tests.serving.asgi_app"] = sys.modules["__main__"]
        return run_daphne("tests.serving.asgi_app:app", listener, lambda: RUNTIME, timeouts)
    connections = ConnectionCounter(
        ConnectionLimits(given.most_connections, given.most_per_address)
    )
    pacer = ConnectionPacer(per_s=given.new_per_s, at_once=given.new_at_once)
    return run_uvicorn(
        app,
        listener,
        lambda: RUNTIME,
        timeouts,
        connections,
        pacer,
        _given_fields(RequestTimeouts, given),
        given.write_timeout_s,
        beat=(lambda: report("beat")) if given.reports_beats else (lambda: None),
    )


def _given_fields(kind: type[Timeouts], given: argparse.Namespace) -> Timeouts:
    """Make a dataclass whose fields are all among the options of the command line."""
    return kind(**{field.name: getattr(given, field.name) for field in dataclasses.fields(kind)})


if __name__ == "__main__":
    sys.exit(main())
