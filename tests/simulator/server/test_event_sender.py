"""Events on one connection, with its mishaps. The server's tests have the kinds of mishap."""

import asyncio
import json

import pytest

from backend.simulator.engine.mishap_actions import WEBRTC_TRIGGERS
from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.server.event_sender import EventSender, Work


class RecordingOutlet:
    """An outlet that records what is done with it."""

    def __init__(self) -> None:
        self.done: list[object] = []

    async def send(self, message: str | bytes) -> None:
        """Record the type of the event, or the message if it is none."""
        event = json.loads(message) if isinstance(message, str) and '"type"' in message else {}
        self.done.append(event.get("type", message))

    def stop_reading(self) -> None:
        """Record it."""
        self.done.append("stop_reading")

    def abort(self) -> None:
        """Record it."""
        self.done.append("abort")

    async def close(self, code: int, reason: str) -> None:
        """Record it."""
        self.done.append((code, reason))


class Bench:
    """A sender; `run` runs what it started in the background."""

    def __init__(self, *mishaps: Mishap) -> None:
        self.outlet = RecordingOutlet()
        self.started: list[Work] = []
        self.sender = EventSender(
            self.outlet, self.started.append, self._expire, mishaps, WEBRTC_TRIGGERS
        )

    async def send(self, *types: str) -> list[bool]:
        """Send events of these types."""
        return [await self.sender.send({"type": type}) for type in types]

    async def run(self) -> None:
        """Run what was started."""
        await asyncio.gather(*self.started)
        self.started.clear()

    async def _expire(self) -> None:
        self.outlet.done.append("expire")


async def test_events_are_sent_as_they_are() -> None:
    bench = Bench()
    await bench.sender.open()
    assert await bench.send("a", "b") == [True, True]
    assert bench.outlet.done == ["a", "b"]


async def test_one_that_is_left_out_or_comes_after_the_end_was_not_sent() -> None:
    bench = Bench(Mishap(Kind.LEAVE_OUT, after="response.done"))
    assert await bench.send("response.done", "b") == [False, True]
    bench.sender.inject(Mishap(Kind.STALL, no_pong=True))
    await bench.run()
    assert bench.sender.is_stopped
    assert await bench.send("c") == [False]
    assert bench.outlet.done == ["b", "stop_reading"]


@pytest.mark.parametrize(
    ("mishap", "done"),
    [
        (Mishap(Kind.DROP), "abort"),
        (Mishap(Kind.CLOSE, code=1011, reason="x"), (1011, "x")),
        (Mishap(Kind.EXPIRE, after="output_audio_buffer.started"), "expire"),
    ],
)
async def test_a_mishap_happens_after_its_event(mishap: Mishap, done: object) -> None:
    bench = Bench(mishap)
    await bench.send("response.created", "output_audio_buffer.started")
    await bench.run()
    assert bench.outlet.done == ["response.created", "output_audio_buffer.started", done]


async def test_silent_stops_before_the_first_event() -> None:
    bench = Bench(Mishap(Kind.SILENT))
    await bench.sender.open()
    assert await bench.send("a") == [False]
    assert bench.outlet.done == []
