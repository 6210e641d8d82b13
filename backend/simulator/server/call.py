"""One call over WebSocket: the connection on one side, the session on the other.

A client that does not read blocks its own call only: first its sends, then its reader, then TCP.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from backend.simulator.engine.effects import Event
from backend.simulator.engine.engine import Engine
from backend.simulator.engine.mishaps import Mishap
from backend.simulator.server.call_records import CallRecord, CallRecords
from backend.simulator.server.event_sender import EventSender, WebSocketOutlet
from backend.simulator.server.session_runner import SessionRunner
from backend.simulator.sound.recogniser import Recogniser
from backend.simulator.sound.synthesiser import Synthesiser


class Call(SessionRunner):
    """Reads client events and sends the session's events."""

    def __init__(
        self,
        connection: ServerConnection,
        engine: Engine,
        record: CallRecord,
        records: CallRecords,
        synthesiser: Synthesiser,
        recogniser: Recogniser,
        mishaps: Sequence[Mishap],
        now: Callable[[], float],
    ) -> None:
        super().__init__(engine, record, records, synthesiser, recogniser, now)
        self._connection = connection
        of_connection = [each for each in mishaps if not self._count_engine_fault(each)]
        outlet = WebSocketOutlet(connection)
        self._sender = EventSender(outlet, self._start, self._expire, of_connection)

    async def run(self) -> None:
        """Run the call from the end of the handshake to the close."""
        try:
            await self._run_until(self._read())
        finally:
            close = self._connection.protocol.close_rcvd
            self._record.close_code = close.code if close is not None else None

    def inject(self, mishap: Mishap) -> None:
        """Apply a mishap to this open call."""
        if not self._count_engine_fault(mishap):
            self._sender.inject(mishap)

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            await self._sender.open()
            await self._apply(self._engine.open(self._now()))
            async for message in self._connection:
                await self._receive(message, self._record)

    async def _send(self, event: Event) -> None:
        if await self._sender.send(event):
            self._record.sent[event["type"]] += 1

    async def _close(self, code: int, reason: str) -> None:
        await self._connection.close(code, reason)
