"""One call over WebRTC: audio by RTP, events on the data channel and on every sideband.

It ends when either end closes the peer connection, when the connection fails, at the session's
maximum duration, or when it is hung up; then its sidebands are closed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from backend.simulator.engine.effects import Event
from backend.simulator.engine.engine import Engine
from backend.simulator.engine.mishap_actions import WEBRTC_TRIGGERS
from backend.simulator.engine.mishaps import Mishap
from backend.simulator.server.call_records import CallRecord, CallRecords
from backend.simulator.server.event_sender import EventSender, Outlet, WebSocketOutlet
from backend.simulator.server.session_runner import SessionRunner
from backend.simulator.sound.recogniser import Recogniser
from backend.simulator.sound.synthesiser import Synthesiser

CONNECT_TIMEOUT_S: Final = 30.0
"""A call whose data channel is not open by then ends."""
MAX_QUEUED_EVENTS: Final = 10_000
"""A connection that does not read its events is cut when so many wait."""
_CLOSE_DELAY_S: Final = 0.1


class Peer(Protocol):
    """The part of `webrtc_peer.WebRtcPeer` that a call uses."""

    def microphone(self) -> AsyncIterator[bytes]:
        """The client's audio as it comes, PCM16 mono 24 kHz, until its track ends."""

    def send(self, message: str | bytes) -> None:
        """Send a message on the data channel."""

    async def close(self) -> None:
        """End the connection."""


class _DataChannelOutlet:
    """The data channel as an outlet. To close it is to end the call."""

    def __init__(self, peer: Peer, end: Callable[[int, str], None]) -> None:
        self._peer = peer
        self._end = end

    async def send(self, message: str | bytes) -> None:
        self._peer.send(message)

    def stop_reading(self) -> None:
        """Nothing to do: a data channel has no pings."""

    def abort(self) -> None:
        self._end(1011, "")

    async def close(self, code: int, reason: str) -> None:
        self._end(code, reason)


class _Subscriber:
    """A connection that gets all events of a call, as fast as it reads; `record` counts them."""

    def __init__(self, outlet: Outlet, sender: EventSender, record: CallRecord) -> None:
        self.outlet = outlet
        self.sender = sender
        self._record = record
        self._queue: asyncio.Queue[Event] = asyncio.Queue(MAX_QUEUED_EVENTS)

    def put(self, event: Event) -> None:
        """Send this event after those before it."""
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.outlet.abort()

    async def run(self) -> None:
        """Send the events, until cancelled. Raises ConnectionClosed."""
        await self.sender.open()
        while True:
            event = await self._queue.get()
            if await self.sender.send(event):
                self._record.sent[event["type"]] += 1


class WebRtcCall(SessionRunner):
    """Connects a session to a peer connection and to any number of sidebands.

    `is_ephemeral`: it was made with an ephemeral key, so that no sideband can join it.
    """

    def __init__(
        self,
        rtc_id: str,
        engine: Engine,
        record: CallRecord,
        records: CallRecords,
        synthesiser: Synthesiser,
        recogniser: Recogniser,
        mishaps: Sequence[Mishap],
        now: Callable[[], float],
        *,
        is_ephemeral: bool,
    ) -> None:
        """Open the session. Raises ClientEventError if its initial settings are invalid."""
        super().__init__(engine, record, records, synthesiser, recogniser, now)
        self.rtc_id = rtc_id
        self.is_ephemeral = is_ephemeral
        self._mishaps = [each for each in mishaps if not self._count_engine_fault(each)]
        self._inbox: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._close_code, self._close_reason = 1000, ""
        self._browser: _Subscriber | None = None  # until its data channel is open
        self._peer: Peer | None = None
        self._sidebands: list[_Subscriber] = []
        self._subscribers: list[_Subscriber] = []  # the data channel and the sidebands
        self._unwatched_since: float | None = now()
        # Each connection gets its own `session.created` when it opens.
        engine.open(now())
        record.session = engine.session

    @property
    def is_live(self) -> bool:
        """Whether the call has not ended."""
        return not self._ended.is_set()

    @property
    def is_unwatched(self) -> bool:
        """Whether it has no sideband."""
        return not self._sidebands

    def end(self, code: int = 1000, reason: str = "") -> None:
        """End the call; its sidebands are closed with this code and reason."""
        if self.is_live:
            self._close_code, self._close_reason = code, reason
            self._ended.set()

    def inject(self, mishap: Mishap) -> None:
        """Apply a mishap to the call."""
        if self._count_engine_fault(mishap):
            return
        if self._browser is None:
            self._mishaps.append(mishap)
        else:
            self._browser.sender.inject(mishap)

    def inject_into_sidebands(self, mishap: Mishap) -> int:
        """Apply a mishap to the sidebands that are open; return their number."""
        for sideband in self._sidebands:
            sideband.sender.inject(mishap)
        return len(self._sidebands)

    # ── The peer connection ─────────────────────────────────────────────────────────────────────

    async def take_audio(self, size: int) -> bytes:
        """The next `size` bytes of audio to play, fewer or none if there is no more."""
        if self._browser is not None and self._browser.sender.is_stopped:
            return b""
        pcm, effects = self._engine.take_audio(size)
        if effects:
            await self._apply(effects)
        return pcm

    def on_message(self, message: str | bytes) -> None:
        """Handle a message of the data channel after those before it."""
        self._inbox.put_nowait(message)

    def on_open(self) -> None:
        """Send the events on the data channel from now on."""
        assert self._peer is not None
        outlet = _DataChannelOutlet(self._peer, self.end)
        self._browser = self._subscribe(outlet, self._record, self._mishaps)
        self._start(self._browser.run())

    async def run(self, peer: Peer) -> None:
        """Run the call on this peer connection until it ends, and end both sides."""
        self._peer = peer
        try:
            await self._run_until(self._serve(peer))
        finally:
            self.end()
            self._count_unwatched()
            self._record.close_code = self._close_code
            closing = [
                self._until_closed(each.outlet.close(self._close_code, self._close_reason))
                for each in self._sidebands
            ]
            await asyncio.gather(peer.close(), *closing)

    async def _serve(self, peer: Peer) -> None:
        self._start(self._read_microphone(peer))
        self._start(self._read_channel())
        self._start(self._end_if_not_connected())
        await self._ended.wait()

    async def _read_microphone(self, peer: Peer) -> None:
        async for pcm in peer.microphone():
            self._records.add_audio(self._record, pcm)
            effects = self._engine.hear(pcm, self._now())
            await self._apply(effects)

    async def _read_channel(self) -> None:
        while True:
            await self._receive(await self._inbox.get(), self._record)

    async def _end_if_not_connected(self) -> None:
        await asyncio.sleep(CONNECT_TIMEOUT_S)
        if self._browser is None:
            self.end()

    # ── Sidebands ───────────────────────────────────────────────────────────────────────────────

    async def serve_sideband(
        self, connection: ServerConnection, record: CallRecord, mishaps: Sequence[Mishap]
    ) -> None:
        """Serve a sideband until it is closed; `record` is the sideband's own."""
        if not self.is_live:  # It ended during the handshake.
            await connection.close(self._close_code, self._close_reason)
            record.closed_at = self._now()
            return
        of_connection = [each for each in mishaps if not self._count_engine_fault(each)]
        sideband = self._subscribe(WebSocketOutlet(connection), record, of_connection)
        self._sidebands.append(sideband)
        self._count_unwatched()
        sending = asyncio.create_task(self._until_closed(sideband.run()))
        try:
            with suppress(ConnectionClosed):
                async for message in connection:
                    if self.is_live:
                        await self._receive(message, record)
        finally:
            sending.cancel()
            self._sidebands.remove(sideband)
            self._subscribers.remove(sideband)
            self._count_unwatched()
            record.closed_at = self._now()
            close = connection.protocol.close_rcvd
            record.close_code = close.code if close is not None else None

    def _subscribe(
        self, outlet: Outlet, record: CallRecord, mishaps: Sequence[Mishap]
    ) -> _Subscriber:
        sender = EventSender(outlet, self._start, self._expire, mishaps, WEBRTC_TRIGGERS)
        subscriber = _Subscriber(outlet, sender, record)
        subscriber.put(self._engine.session_created())
        self._subscribers.append(subscriber)
        return subscriber

    def _count_unwatched(self) -> None:
        """Add up the time without a sideband; call it at each change."""
        now = self._now()
        if self._unwatched_since is not None:
            self._record.unwatched_s += now - self._unwatched_since
        self._unwatched_since = now if self.is_live and self.is_unwatched else None

    async def _send(self, event: Event) -> None:
        for subscriber in self._subscribers:
            subscriber.put(event)

    async def _close(self, code: int, reason: str) -> None:
        # What was sent before, such as the `error` event with the reason, should arrive.
        await asyncio.sleep(_CLOSE_DELAY_S)
        self.end(code, reason)
