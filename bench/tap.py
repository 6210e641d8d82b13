"""A TCP hop between the server and the simulator that notes when the provider's events pass."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

READ_BYTES = 64 * 1024
TEXT_DELTA = b'"type":"response.output_text.delta"'
EVENT_ID = re.compile(rb'"event_id":"([^"]+)"')


class Tap:
    """Times are on the monotonic clock, taken before the bytes are passed on.

    `text_delta_at` has the time of each read with a text delta, in order; `event_at` the time of
    each event of a call by its id. An event whose id two reads share is left out.
    """

    def __init__(self) -> None:
        self.text_delta_at: list[float] = []
        self.event_at: dict[str, float] = {}

    @asynccontextmanager
    async def listening(self, port: int, far_port: int) -> AsyncIterator[None]:
        """Listen on `port` of 127.0.0.1, and pass each connection on to `far_port` there."""

        writers: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers[asyncio.current_task()] = writer
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", far_port)
            await asyncio.gather(
                _pass_on(reader, far_writer), _pass_on(far_reader, writer, self._note)
            )

        async with await asyncio.start_server(connected, "127.0.0.1", port):
            try:
                yield
            finally:
                for writer in writers.values():
                    writer.close()
                await asyncio.gather(*filter(None, writers), return_exceptions=True)

    def _note(self, data: bytes) -> None:
        now = time.monotonic()
        if TEXT_DELTA in data:
            self.text_delta_at.append(now)
        for event_id in EVENT_ID.findall(data):
            self.event_at.setdefault(event_id.decode(), now)


async def _pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    note: Callable[[bytes], None] = lambda _: None,
) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(READ_BYTES):
            note(data)
            writer.write(data)
            await writer.drain()
    writer.close()
