"""One streamed reply, on an exchange that records what is sent."""

import asyncio
import json
from itertools import count
from typing import Any, cast

import pytest

from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.engine.text_response import TextResponse, parse_request
from backend.simulator.server.call_records import CallRecord
from backend.simulator.server.http_messages import HttpExchange
from backend.simulator.server.text_stream import TextStream
from tests.simulator.equipment import EchoPersona

DELTA = "response.output_text.delta"


class RecordingTransport:
    """A transport that keeps what is written, and how it ended."""

    def __init__(self) -> None:
        self.written = b""
        self.end: str | None = None

    def write(self, data: bytes) -> None:
        """Keep the data."""
        self.written += data

    def close(self) -> None:
        """Record the end."""
        self.end = "closed"

    def abort(self) -> None:
        """Record the end."""
        self.end = "aborted"

    def messages(self) -> list[bytes]:
        """The server-sent events, without their chunk sizes."""
        head, _, body = self.written.partition(b"\r\n\r\n")
        assert b"text/event-stream" in head
        chunks = []
        while body and not body.startswith(b"0\r\n"):
            size, _, rest = body.partition(b"\r\n")
            chunks.append(rest[: int(size, 16)])
            body = rest[int(size, 16) + 2 :]
        return chunks


class StreamBench:
    """A stream with these mishaps, and its transport and record."""

    def __init__(self, *mishaps: Mishap) -> None:
        ids = count(1)
        request = parse_request({"model": "gpt-5.6-luna", "input": "Hello."})
        self.response = TextResponse(
            request, EchoPersona(), lambda prefix: f"{prefix}_{next(ids)}", 0.0
        )
        self.transport = RecordingTransport()
        self.record = CallRecord(1, "gpt-5.6-luna", {}, 0.0)
        exchange = HttpExchange(cast(asyncio.Transport, self.transport))
        self.stream = TextStream(exchange, self.record, mishaps)

    async def run(self) -> None:
        """Send the whole reply at once."""
        await self.stream.run(self.response, 0.0)

    async def run_until_stopped(self) -> None:
        """Send up to the mishap that stops the stream; then leave it, as a client does."""
        task = asyncio.create_task(self.run())
        done, _ = await asyncio.wait({task}, timeout=0.2)
        assert not done
        task.cancel()

    def types(self) -> list[str]:
        """The names of the events that were sent."""
        return [
            each.split(b"\n")[0].removeprefix(b"event: ").decode()
            for each in self.transport.messages()
            if each.startswith(b"event: ")
        ]


async def test_each_event_is_one_chunk_with_its_name_and_its_json() -> None:
    bench = StreamBench()
    await bench.run()
    events = list(bench.response.events())
    assert bench.types() == [event["type"] for event in events]
    for message, event in zip(bench.transport.messages(), events, strict=True):
        name, data = message.decode().removesuffix("\n\n").split("\n")
        assert name == f"event: {event['type']}"
        assert json.loads(data.removeprefix("data: ")) == event
    assert bench.transport.written.endswith(b"0\r\n\r\n")
    assert bench.transport.end == "closed"
    assert bench.record.sent.total() == len(events)


@pytest.mark.parametrize(
    ("kind", "end"), [(Kind.STALL, None), (Kind.DROP, "aborted"), (Kind.CLOSE, "closed")]
)
async def test_a_mishap_stops_the_stream_after_three_words(kind: Kind, end: Any) -> None:
    bench = StreamBench(Mishap(kind))
    await bench.run_until_stopped()
    assert bench.types().count(DELTA) == 3
    assert bench.types()[-1] == DELTA
    assert bench.transport.end == end


async def test_silent_sends_the_head_only() -> None:
    bench = StreamBench(Mishap(Kind.SILENT))
    await bench.run_until_stopped()
    assert bench.transport.messages() == []


async def test_garbage_comes_after_the_first_word_and_the_reply_goes_on() -> None:
    bench = StreamBench(Mishap(Kind.GARBAGE))
    await bench.run()
    messages = bench.transport.messages()
    garbage = [each for each in messages if not each.startswith(b"event: ")]
    assert messages.index(garbage[0]) == 5
    assert len(garbage) == 4
    assert bench.types()[-1] == "response.completed"


async def test_a_mishap_on_the_open_stream_happens_at_once() -> None:
    bench = StreamBench()
    task = asyncio.create_task(bench.stream.run(bench.response, 60.0))
    while "response.content_part.added" not in bench.record.sent:  # noqa: ASYNC110 (the stream's task sends it)
        await asyncio.sleep(0)
    bench.stream.inject(Mishap(Kind.DROP, calls="running"))
    await asyncio.sleep(0.01)
    assert bench.transport.end == "aborted"
    task.cancel()
