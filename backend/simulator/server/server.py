"""DOING: the simulator's sockets: one engine a call, one voice and one pair of ears for all.

    async with Simulator(SimulatorOptions(pace=0)).serve(port=0) as running:
        running.base_url    # "http://127.0.0.1:PORT/v1", as OPENAI_BASE_URL wants it

Order on the line is the engine's order: effects are computed and queue for the line's lock without
an await in between, and `asyncio.Lock` is fair. A client that does not read stops its own call
only: its line blocks, then its reader, then TCP.
"""

import asyncio
import http.client
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from backend.simulator.engine import mishaps
from backend.simulator.engine.conversation import pcm_of
from backend.simulator.engine.effects import Effect, HangUp, Say, Send, Understand
from backend.simulator.engine.engine import Engine, EngineOptions
from backend.simulator.engine.errors import Refused
from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.persona.customer import Customer
from backend.simulator.server import control_api
from backend.simulator.server.call_records import Record, Records
from backend.simulator.sound.recogniser import Deaf, Ears, PhraseEars
from backend.simulator.sound.synthesiser import EspeakVoice, Tone, Voice, VoiceBroken

PATH = "/v1/realtime"
MOST_FRAME_BYTES = 21 * 1024 * 1024
"""An append of 15 MiB is 20 MiB of base64."""
_MOST_REQUEST_BYTES = 64 * 1024
_HANG_S = 120.0
_CLOSE_S = 0.4
"""How long a client may take to answer a close: the whole process ends within a second."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger("backend.simulator.line")
_log.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """How the simulator behaves; see `python -m backend.simulator --help`.

    `is_cheap`: it hums instead of speaking and understands no word, so that a benchmark measures
    the relay and not the simulator.
    """

    host: str = "127.0.0.1"
    cap_s: float = 3600.0
    pace: float = 5.0
    late_every: int = 3
    keep_audio_mb: int = 128
    is_cheap: bool = False


class Call:
    """One connection: reads, ticks and carries out what the engine wants."""

    def __init__(
        self,
        connection: ServerConnection,
        engine: Engine,
        record: Record,
        records: Records,
        voice: Voice,
        ears: Ears,
        befalls: Sequence[Mishap],
        now: Callable[[], float],
    ) -> None:
        self._now = now
        self._connection = connection
        self._engine = engine
        self._record = record
        self._records = records
        self._voice = voice
        self._ears = ears
        self._sabotage = mishaps.Sabotage()
        for mishap in befalls:
            self._prepare(mishap, is_open=False)
        self._line = asyncio.Lock()
        self._wake = asyncio.Event()
        self._sleeps_until: float | None = None
        self._is_stalled = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """From the handshake to the close."""
        self._ears.prepare()
        try:
            async with asyncio.TaskGroup() as self._group:
                self._start(self._tick())
                with suppress(ConnectionClosed):
                    await self._read()
                for task in self._tasks:
                    task.cancel()
        finally:
            self._record.closed_at = self._now()
            close = self._connection.protocol.close_rcvd
            self._record.close_code = close.code if close is not None else None

    async def _read(self) -> None:
        for act in self._sabotage.opening():
            await self._act(act)
        await self._carry_out(self._engine.open(self._now()))
        async for message in self._connection:
            await self._hear(message)

    def befall(self, mishap: Mishap) -> None:
        """A mishap comes over a call that is open."""
        for act in self._prepare(mishap, is_open=True):
            self._start(self._act(act))

    def _prepare(self, mishap: Mishap, *, is_open: bool) -> list[mishaps.Act]:
        counter = mishaps.IN_THE_ENGINE.get(mishap.kind)
        if counter is None:
            return self._sabotage.add(mishap, is_open=is_open)
        troubles = self._engine.troubles
        setattr(troubles, counter, getattr(troubles, counter) + (mishap.count or 1))
        return []

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _quietly(work: Coroutine[Any, Any, None]) -> None:
        with suppress(ConnectionClosed):  # The reader sees it too, and ends the call.
            await work

    async def _hear(self, message: str | bytes) -> None:
        event: Any = None
        if isinstance(message, str):
            try:
                event = _decode(message)
            except (msgspec.DecodeError, RecursionError):  # the latter: nested without end
                event = None
        kind = event.get("type") if isinstance(event, dict) else None
        self._record.received[kind if isinstance(kind, str) else "unreadable"] += 1
        if kind == "input_audio_buffer.append" and isinstance(event.get("audio"), str):
            self._remember(event["audio"])
        effects = self._engine.from_client(event, self._now())
        if kind == "session.update":
            self._record.session = self._engine.session
        if effects:
            await self._carry_out(effects)

    def _remember(self, audio: str) -> None:
        try:
            self._records.hear(self._record, pcm_of(audio, "audio"))
        except Refused:
            return  # The engine says so.

    async def _tick(self) -> None:
        while True:
            self._wake.clear()
            wakes_at = self._sleeps_until = self._engine.wakes_at
            try:
                async with asyncio.timeout(
                    None if wakes_at is None else max(wakes_at - self._now(), 0)
                ):
                    await self._wake.wait()
            except TimeoutError:
                await self._carry_out(self._engine.tick(self._now()))

    async def _carry_out(self, effects: Sequence[Effect]) -> None:
        if self._engine.wakes_at != self._sleeps_until:
            self._wake.set()
        async with self._line:
            for effect in effects:
                await self._do(effect)

    async def _do(self, effect: Effect) -> None:
        match effect:
            case Send(event):
                text = _encode(event).decode()
                for act in self._sabotage.sending(event["type"], text):
                    await self._act(act)
                if not self._is_stalled:
                    self._record.sent[event["type"]] += 1
            case Say():
                self._start(self._say(effect))
            case Understand():
                self._start(self._understand(effect))
            case HangUp(code, reason):
                self._start(self._connection.close(code, reason))

    async def _act(self, act: mishaps.Act) -> None:
        if self._is_stalled:
            return
        match act:
            case mishaps.Transmit(message):
                await self._connection.send(message)
            case mishaps.Wait(seconds):
                await asyncio.sleep(seconds)
            case mishaps.Stall(no_pong):
                self._is_stalled = True
                if no_pong:
                    self._connection.transport.pause_reading()
            case mishaps.Drop():
                self._is_stalled = True
                self._connection.transport.abort()
            case mishaps.Close(code, reason):
                self._is_stalled = True
                self._start(self._connection.close(code, reason))
            case mishaps.Expire():
                self._start(self._carry_out(self._engine.expire()))

    async def _say(self, wanted: Say) -> None:
        pcm: bytes | None
        try:
            pcm = await self._voice.speak(wanted.reading, wanted.language, wanted.voice)
        except VoiceBroken:
            pcm = None
        await self._carry_out(self._engine.spoken(wanted.response_id, pcm, self._now()))

    async def _understand(self, wanted: Understand) -> None:
        text = await self._ears.recognise(wanted.pcm)
        self._record.heard.append(text)
        await self._carry_out(self._engine.understood(wanted.item_id, text, self._now()))


class Door(ServerConnection):
    """Tells the WebSocket's handshake from a plain request to `/simulator/…`, by the first line."""

    def __init__(self, desk: control_api.Desk, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._desk = desk
        self._held: bytearray | None = bytearray()

    def data_received(self, data: bytes) -> None:
        """Bytes came; those of a WebSocket pass on."""
        if self._held is None:
            super().data_received(data)
            return
        self._held += data
        line, found, _ = bytes(self._held).partition(b"\r\n")
        if not found and len(self._held) < _MOST_REQUEST_BYTES:
            return
        words = line.split(b" ")
        if len(words) > 1 and words[1].startswith(b"/simulator"):
            self._answer_plainly(words[0].decode("latin-1"), words[1].decode("latin-1"))
            return
        held, self._held = bytes(self._held), None
        super().data_received(held)

    def _answer_plainly(self, method: str, path: str) -> None:
        head, found, body = bytes(self._held or b"").partition(b"\r\n\r\n")
        lengths = [
            line.partition(b":")[2].strip()
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        length = int(lengths[0]) if lengths and lengths[0].isdigit() else 0
        if length > _MOST_REQUEST_BYTES or len(head) > _MOST_REQUEST_BYTES:
            self.transport.abort()
            return
        if not found or len(body) < length:
            return
        answer = control_api.answer(self._desk, method, path, body[:length])
        phrase = http.client.responses[answer.status]
        self.transport.write(
            f"HTTP/1.1 {answer.status} {phrase}\r\nContent-Type: {answer.content_type}\r\n"
            f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n".encode()
            + answer.body
        )
        self.transport.close()


class Running:
    """A simulator that listens."""

    def __init__(self, base_url: str, desk: control_api.Desk) -> None:
        self.base_url = base_url
        self.records = desk.records
        self._desk = desk

    def befall(self, mishap: Mishap) -> None:
        """Something goes wrong: for the next calls, or for the running ones."""
        if mishap.calls == "running":
            self._desk.befall(mishap)
        else:
            self._desk.plan.add(mishap)

    def clear_mishaps(self) -> None:
        """Nothing goes wrong any more for calls to come."""
        self._desk.plan.clear()


def _response(status: int, body: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
    content = body.encode()
    fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(content))),
        ("Connection", "close"),
        *headers,
    ]
    # Not every status from 400 to 599 has a name.
    phrase = http.client.responses.get(status, "Refused")
    return Response(status, phrase, Headers(fields), content)


class Simulator:
    """The provider's stand-in; its voice and its ears start and end with it.

    `ears`: others than its own. Nobody waits for them to be prepared (0.8 s) before it listens.
    """

    def __init__(self, options: SimulatorOptions | None = None, ears: Ears | None = None) -> None:
        self._options = options or SimulatorOptions()
        self._voice: Voice = Tone() if self._options.is_cheap else EspeakVoice()
        self._ears = ears or (Deaf() if self._options.is_cheap else PhraseEars(self._voice))
        self._plan = mishaps.Plan()
        self._records = Records(self._options.keep_audio_mb * 1024 * 1024)
        self._calls: set[Call] = set()
        self._befalls: dict[ServerConnection, Sequence[Mishap]] = {}
        self._stopping = asyncio.Event()
        self._now = _clock()

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[Running]:
        """Listens until the block ends; then closes every call, the ears and the voice."""
        desk = control_api.Desk(self._records, self._plan, self._befall)
        server: Server = await serve(
            self._answer_call,
            self._options.host,
            port,
            process_request=self._admit,
            compression=None,
            open_timeout=_HANG_S,
            ping_interval=None,
            close_timeout=_CLOSE_S,
            max_size=MOST_FRAME_BYTES,
            max_queue=32,
            write_limit=256 * 1024,
            server_header=None,
            logger=_log,
            create_connection=partial(Door, desk),  # type: ignore[arg-type]  # a factory will do
        )
        try:
            self._ears.prepare()
            bound = next(iter(server.sockets)).getsockname()[1]
            yield Running(f"http://{self._options.host}:{bound}/v1", desk)
        finally:
            self._stopping.set()
            server.close()
            await server.wait_closed()
            await self._ears.close()
            await self._voice.close()

    def _befall(self, mishap: Mishap) -> int:
        for call in self._calls:
            call.befall(mishap)
        return len(self._calls)

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """The door: None lets the upgrade happen."""
        if urlsplit(request.path).path.rstrip("/") != PATH:
            message = "Unknown request URL. Please check the URL for typos."
            return _response(404, mishaps.error_body("invalid_request_error", None, message))
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            message = "Missing bearer or basic authentication in header"
            return _response(401, mishaps.error_body("invalid_request_error", None, message))
        befalls = self._plan.for_next_call()
        at_the_door = [each for each in befalls if each.kind in mishaps.AT_THE_DOOR]
        for mishap in at_the_door:
            if mishap.kind is Kind.HANG:
                gone = asyncio.ensure_future(connection.wait_closed())
                stopping = asyncio.ensure_future(self._stopping.wait())
                await asyncio.wait({gone, stopping}, return_when=asyncio.FIRST_COMPLETED)
                gone.cancel()
                stopping.cancel()
                connection.transport.abort()
                return _response(503, "")
            refusal = mishaps.refusal_of(mishap)
            return _response(refusal.status, refusal.body, refusal.headers)
        self._befalls[connection] = befalls
        return None

    async def _answer_call(self, connection: ServerConnection) -> None:
        befalls = self._befalls.pop(connection, ())
        request = connection.request
        assert request is not None  # the handshake is over
        model = parse_qs(urlsplit(request.path).query).get("model", ["gpt-realtime"])[0]
        headers = {
            name.lower(): value
            for name, value in request.headers.raw_items()
            if name.lower() != "authorization"
        }
        record = self._records.open(model, headers, self._now())
        if "openai-beta" in headers:
            await self._refuse_beta(connection)
            record.closed_at = self._now()
            return
        options = self._options
        engine = Engine(
            model,
            Customer(),
            _id_source(),
            EngineOptions(cap_s=options.cap_s, pace=options.pace, late_every=options.late_every),
        )
        call = Call(
            connection,
            engine,
            record,
            self._records,
            self._voice,
            self._ears,
            befalls,
            self._now,
        )
        self._calls.add(call)
        try:
            await call.run()
        finally:
            self._calls.discard(call)

    @staticmethod
    async def _refuse_beta(connection: ServerConnection) -> None:
        error = {
            "type": "invalid_request_error",
            "code": "beta_api_shape_disabled",
            "message": "The Realtime Beta API is no longer supported. Please use /v1/realtime for "
            "the GA API.",
            "param": None,
            "event_id": None,
        }
        event = {"type": "error", "event_id": _id_source()("event"), "error": error}
        await connection.send(_encode(event).decode())
        await connection.close(4000, "invalid_request_error.beta_api_shape_disabled")


def _clock() -> Callable[[], float]:
    """Unix seconds that only grow, whatever happens to the machine's clock."""
    begun = time.time() - time.monotonic()
    return lambda: begun + time.monotonic()


def _id_source() -> Callable[[str], str]:
    """Ids that no other call has: a random stem and a counter, as cheap as a string can be."""
    stem, numbers = secrets.token_hex(6), count(1)
    return lambda prefix: f"{prefix}_{stem}{next(numbers):08x}"
