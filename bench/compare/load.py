"""The load of the bench: clients that speak at a microphone's pace and time what comes back.

It runs in a process of its own (`control.Remote`).
"""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.compare.traffic import (
    APPEND_FRAME,
    SESSION_UPDATE,
    Mark,
    Traffic,
    elapsed_ns,
    mark_at,
    probe_frame,
)
from bench.compare.websocket import ClientEndpoint, unmasked

CONNECTING_AT_ONCE = 8
OPEN_WITHIN_S = 30.0
CLOSE_WITHIN_S = 10.0
_READY = (b'"type":"relay.ready"', b'"type": "relay.ready"')
_UPDATED = (b'"type":"session.updated"', b'"type": "session.updated"')


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how one client connects."""

    host: str
    port: int
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    session_id: str = ""
    """With a ticket for this session, which is asked for with `headers`; empty: without one."""
    is_kaiwa: bool = False
    """Kaiwa configures the session itself and says when it is ready."""


@dataclass(slots=True)
class Delays:
    """Times in ns: from the event's sender to its receiver, or there and back for a probe."""

    probe: list[int] = field(default_factory=list)
    first_sound: list[int] = field(default_factory=list)
    delta: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """What the clients have sent and received since they began."""

    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Connects:
    """Calls that were opened and closed: the time until each was ready, and how many a second."""

    open_ns: list[int]
    per_s: float


class Load:
    """Opens calls and holds them."""

    def __init__(self) -> None:
        self.delays = Delays()
        self._clients: list[Client] = []

    async def connect(self, targets: Sequence[Target]) -> None:
        """Open a call for each target, a few at once. Returns once all are ready."""
        waiting = list(reversed(targets))

        async def open_some() -> None:
            while waiting:
                self._clients.append(await open_call(waiting.pop(), self.delays))

        await asyncio.gather(*(open_some() for _ in range(CONNECTING_AT_ONCE)))

    def start(self, traffic: Traffic) -> None:
        """Speak in every call, each a little after the one before."""
        for number, client in enumerate(self._clients):
            client.start(traffic, number / len(self._clients))

    def flood(self, unanswered: int) -> None:
        """Send so many appends in every call, and another one for each answer."""
        for client in self._clients:
            client.flood(unanswered)

    async def open_and_close(self, targets: Sequence[Target], seconds: float) -> Connects:
        """Open a call and close it, a few at once, for this time, at one target after another."""
        began_s = time.monotonic()
        next_targets = itertools.cycle(targets)
        open_ns: list[int] = []

        async def go_on() -> None:
            while time.monotonic() < began_s + seconds:
                started_ns = time.monotonic_ns()
                client = await open_call(next(next_targets), self.delays)
                open_ns.append(time.monotonic_ns() - started_ns)
                await close_call(client)

        await asyncio.gather(*(go_on() for _ in range(CONNECTING_AT_ONCE)))
        return Connects(open_ns, len(open_ns) / (time.monotonic() - began_s))

    def stop(self) -> None:
        """Stop speaking."""
        for client in self._clients:
            client.stop()

    def counts(self) -> LoadCounts:
        """Return what was sent and received."""
        sent = sum(client.frames_sent for client in self._clients)
        return LoadCounts(sent, sum(client.frames_received for client in self._clients))

    def open_calls(self) -> int:
        """The number of calls that are open."""
        return sum(client.is_open for client in self._clients)

    def take_delays(self) -> Delays:
        """Return the delays since the last time."""
        taken = self.delays
        self.delays = Delays()
        for client in self._clients:
            client.delays = self.delays
        return taken

    async def close(self) -> None:
        """Close every call."""
        clients, self._clients = self._clients, []
        await asyncio.gather(*(close_call(client) for client in clients))


class Client(ClientEndpoint):
    """One call. `ready` is done once the session is configured."""

    def __init__(self, target: Target, headers: dict[str, str], delays: Delays) -> None:
        super().__init__(f"{target.host}:{target.port}", target.path, headers)
        self.frames_sent = 0
        self.delays = delays
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ready_words = _READY if target.is_kaiwa else _UPDATED
        self._is_waiting = True
        self._is_flooding = False
        self._timers: list[asyncio.TimerHandle | None] = [None, None]

    def message_received(self, data: bytes, start: int, size: int, mask: bytes) -> None:
        if self._is_waiting:
            self._wait(unmasked(data[start : start + size], mask))
            return
        mark, sent = mark_at(data, start, size)
        if not mark:
            return
        if mark == Mark.ECHO:
            if self._is_flooding:
                self._send_append()
            return
        delay = elapsed_ns(sent, time.monotonic_ns())
        if mark == Mark.PROBE:
            self.delays.probe.append(delay)
        elif mark == Mark.FIRST_SOUND:
            self.delays.first_sound.append(delay)
        else:
            self.delays.delta.append(delay)

    def _wait(self, payload: bytes) -> None:
        if any(words in payload[:200] for words in self._ready_words):
            self._is_waiting = False
            self.ready.set_result(None)
        elif b"relay.closing" in payload[:200] or b'"type":"error"' in payload[:200]:
            self.ready.set_exception(RuntimeError(payload[:300].decode()))
            self._is_waiting = False

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.stop()
        if not self.ready.done():
            self.ready.set_exception(RuntimeError("the call was closed before it was ready"))

    def start(self, traffic: Traffic, phase: float) -> None:
        """Send appends and probes until `stop`. `phase` is where between two of them to begin."""
        now = asyncio.get_running_loop().time()
        for index, per_s in enumerate((traffic.appends_per_s, traffic.probes_per_s)):
            if per_s:
                self._send_next(index, 1 / per_s, now + phase / per_s)

    def flood(self, unanswered: int) -> None:
        """Send so many appends, and another one for each answer."""
        self._is_flooding = True
        for _ in range(unanswered):
            self._send_append()

    def _send_append(self) -> None:
        self.write(APPEND_FRAME)
        self.frames_sent += 1

    def stop(self) -> None:
        """Send no more."""
        self._is_flooding = False
        for index, timer in enumerate(self._timers):
            if timer is not None:
                timer.cancel()
            self._timers[index] = None

    def _send_next(self, index: int, gap_s: float, due_s: float) -> None:
        loop = asyncio.get_running_loop()

        def send() -> None:
            nonlocal due_s
            self.write(probe_frame(time.monotonic_ns()) if index else APPEND_FRAME)
            self.frames_sent += 1
            due_s += gap_s
            self._timers[index] = loop.call_at(due_s, send)

        self._timers[index] = loop.call_at(due_s, send)


async def open_call(target: Target, delays: Delays) -> Client:
    """Take a ticket if need be, connect, and wait until the session is configured."""
    headers = target.headers
    if target.session_id:
        ticket = await take_ticket(target)
        headers = {name: value for name, value in headers.items() if name != "Authorization"}
        headers["Sec-WebSocket-Protocol"] = f"realtime, relay.ticket.{ticket}"
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(OPEN_WITHIN_S):
        _, client = await loop.create_connection(
            lambda: Client(target, headers, delays), target.host, target.port
        )
        await client.opened
        if not target.is_kaiwa:
            client.write(SESSION_UPDATE)
        await client.ready
    return client


async def close_call(client: Client) -> None:
    """Close a call; by force if the other side does not answer."""
    client.stop()
    client.close()
    try:
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await asyncio.shield(client.closed)
    except TimeoutError:
        client.abort()


async def take_ticket(target: Target) -> str:
    """Ask for a ticket, over a connection of its own, as a page does that is opened."""
    body = json.dumps({"session_id": target.session_id})
    lines = [
        "POST /api/realtime/tickets/ HTTP/1.1", f"Host: {target.host}:{target.port}",
        *(f"{name}: {value}" for name, value in target.headers.items()),
        "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close",
        "", body,
    ]  # fmt: skip
    reader, writer = await asyncio.open_connection(target.host, target.port)
    writer.write("\r\n".join(lines).encode())
    answer = await reader.read()
    writer.close()
    head, _, text = answer.partition(b"\r\n\r\n")
    if b" 201 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(answer[:300].decode())
    ticket: str = json.loads(text)["ticket"]
    return ticket
