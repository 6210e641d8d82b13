"""The simulator's server: handshake, one engine per call, shared speech, REST beside it.

async with Simulator(SimulatorOptions(pace=0)).serve(port=0) as running:
    running.base_url    # "http://127.0.0.1:PORT/v1", for OPENAI_BASE_URL

As Azure it is at `/openai/v1` of the same port, for AZURE_OPENAI_BASE_URL.
"""

import asyncio
import http.client
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from backend.simulator.engine import mishaps
from backend.simulator.engine.client_secrets import ClientSecrets
from backend.simulator.engine.effects import Event
from backend.simulator.engine.engine import Engine, EngineOptions
from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.engine.session_config import DEFAULT_MODEL
from backend.simulator.persona.customer import Customer
from backend.simulator.persona.script import PHRASES
from backend.simulator.server.call import Call
from backend.simulator.server.call_records import CallRecords
from backend.simulator.server.control_api import ControlState
from backend.simulator.server.credentials import (
    SUBPROTOCOL,
    Authenticator,
    Credential,
    without_secrets,
)
from backend.simulator.server.event_sender import encode
from backend.simulator.server.http_connection import HttpOrWebSocketConnection
from backend.simulator.server.http_errors import HttpError
from backend.simulator.server.http_messages import plain_path
from backend.simulator.server.realtime_rest import RealtimeRest
from backend.simulator.server.rest_api import RestApi
from backend.simulator.server.webrtc_call import WebRtcCall
from backend.simulator.server.webrtc_calls import WebRtcCalls
from backend.simulator.sound.recogniser import NullRecogniser, PhraseRecogniser, Recogniser
from backend.simulator.sound.synthesiser import EspeakSynthesiser, Synthesiser, ToneSynthesiser

PATH = "/v1/realtime"
MAX_FRAME_BYTES = 21 * 1024 * 1024
"""An append of 15 MiB is 20 MiB of base64."""
WORD_INTERVAL_S = 0.1
"""Between the words of a written reply, at a `pace` of 1: fast reading speed; at 5 it is 20 ms."""
_HANDSHAKE_TIMEOUT_S = 120.0
"""For the handshake of a call and for a whole REST request; `websockets` has one deadline."""
_CLOSE_TIMEOUT_S = 0.4
"""How long to wait for a client's close frame: the whole process must stop within a second."""

_log = logging.getLogger("backend.simulator.line")
_log.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Options of the simulator; see `python -m backend.simulator --help`.

    `pace`: how many times faster than real time audio and written words are sent (0: at once).
    `is_cheap`: a tone in place of speech, and no recognition, so that a benchmark measures the
    relay and not the simulator.
    """

    host: str = "127.0.0.1"
    cap_s: float = 3600.0
    pace: float = 5.0
    late_every: int = 3
    keep_audio_mb: int = 128
    is_cheap: bool = False


class Running:
    """A simulator that is listening."""

    def __init__(self, base_url: str, state: ControlState) -> None:
        self.base_url = base_url
        self.records = state.records
        self._state = state

    def inject(self, mishap: Mishap) -> None:
        """Apply a mishap, to the next calls or to the open ones."""
        if mishap.calls == "running":
            self._state.inject(mishap)
        else:
            self._state.pending_mishaps.add(mishap)


def _response(status: int, body: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
    content = body.encode()
    fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(content))),
        ("Connection", "close"),
        *headers,
    ]
    # Not every status from 400 to 599 has a reason phrase.
    phrase = http.client.responses.get(status, "Refused")
    return Response(status, phrase, Headers(fields), content)


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A handshake that was accepted: who asked, the mishaps of the connection, and for a sideband
    its WebRTC call."""

    credential: Credential
    mishaps: Sequence[Mishap]
    watched_call: WebRtcCall | None = None


def _headers_of(request: Request) -> dict[str, str]:
    """The headers, with names in lower case; those that are repeated are joined by commas."""
    headers: dict[str, str] = {}
    for name, value in request.headers.raw_items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _query_of(request: Request) -> dict[str, str]:
    """The query's parameters; of several with one name, the first."""
    return {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}


def _select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """`realtime` for a browser, which offers its key beside it; None for clients without any."""
    return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None


class Simulator:
    """The server; it owns the synthesiser and the recogniser, and closes them at the end.

    `recogniser` replaces the default one. The server listens before the recogniser is
    ready (0.8 s).
    """

    def __init__(
        self, options: SimulatorOptions | None = None, recogniser: Recogniser | None = None
    ) -> None:
        self._options = options or SimulatorOptions()
        self._synthesiser: Synthesiser = (
            ToneSynthesiser() if self._options.is_cheap else EspeakSynthesiser()
        )
        self._recogniser = recogniser or (
            NullRecogniser()
            if self._options.is_cheap
            else PhraseRecogniser(self._synthesiser, PHRASES)
        )
        self._pending_mishaps = mishaps.PendingMishaps()
        self._records = CallRecords(self._options.keep_audio_mb * 1024 * 1024)
        self._calls: set[Call] = set()
        self._accepted: dict[ServerConnection, _Accepted] = {}
        self._stopping = asyncio.Event()
        self._now = _clock()
        self._client_secrets = ClientSecrets()
        self._authenticator = Authenticator(self._client_secrets, self._now)
        self._webrtc_calls = WebRtcCalls(
            partial(self._new_engine, is_webrtc=True),
            self._records,
            self._synthesiser,
            self._recogniser,
            self._now,
        )
        new_id = _id_source()
        self._rest_api = RestApi(
            self._records,
            self._pending_mishaps,
            self._recogniser,
            new_id,
            self._now,
            WORD_INTERVAL_S / self._options.pace if self._options.pace else 0.0,
            RealtimeRest(
                self._records,
                self._client_secrets,
                self._webrtc_calls,
                self._authenticator,
                new_id,
                self._now,
            ),
        )

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[Running]:
        """Listen until the block ends; then close all calls, the recogniser and the synthesiser."""
        state = ControlState(
            self._records,
            self._pending_mishaps,
            self._inject,
            self._webrtc_calls.counts,
            self._client_secrets.expire_all,
        )
        server: Server = await serve(
            self._serve_call,
            self._options.host,
            port,
            process_request=self._process_request,
            select_subprotocol=_select_subprotocol,
            compression=None,
            open_timeout=_HANDSHAKE_TIMEOUT_S,
            ping_interval=None,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=MAX_FRAME_BYTES,
            max_queue=32,
            write_limit=256 * 1024,
            server_header=None,
            logger=_log,
            create_connection=partial(HttpOrWebSocketConnection, state, self._rest_api.serve),  # type: ignore[arg-type]  # any factory works
        )
        try:
            self._recogniser.prepare()
            bound = next(iter(server.sockets)).getsockname()[1]
            yield Running(f"http://{self._options.host}:{bound}/v1", state)
        finally:
            self._stopping.set()
            await self._rest_api.close()
            await self._webrtc_calls.close()
            server.close()
            await server.wait_closed()
            await self._recogniser.close()
            await self._synthesiser.close()

    def _inject(self, mishap: Mishap) -> int:
        calls = self._calls if mishap.api in (None, "realtime") else set()
        for call in calls:
            call.inject(mishap)
        return len(calls) + self._webrtc_calls.inject(mishap) + self._rest_api.inject(mishap)

    async def _process_request(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        """Return an HTTP response to refuse the upgrade, or None to accept it."""
        if plain_path(urlsplit(request.path).path.rstrip("/")) != PATH:
            message = "Unknown request URL. Please check the URL for typos."
            return _response(404, mishaps.error_body("invalid_request_error", None, message))
        try:
            accepted = self._accept(request)
        except HttpError as error:
            return _response(error.status, error.body)
        mishaps_of_call = accepted.mishaps
        handshake_mishaps = [
            each for each in mishaps_of_call if each.kind in mishaps.HANDSHAKE_KINDS
        ]
        for mishap in handshake_mishaps:
            if mishap.kind is Kind.HANG:
                closed = asyncio.ensure_future(connection.wait_closed())
                stopping = asyncio.ensure_future(self._stopping.wait())
                await asyncio.wait({closed, stopping}, return_when=asyncio.FIRST_COMPLETED)
                closed.cancel()
                stopping.cancel()
                connection.transport.abort()
                return _response(503, "")
            refusal = mishaps.http_refusal(mishap)
            return _response(refusal.status, refusal.body, refusal.headers)
        self._accepted[connection] = accepted
        return None

    def _accept(self, request: Request) -> _Accepted:
        """Check the key and the query. Raises HttpError: 401, 404 for an unknown call, 400."""
        credential = self._authenticator.credential(_headers_of(request))
        query = _query_of(request)
        if "call_id" not in query:
            return _Accepted(credential, self._pending_mishaps.take_for_next_call())
        if "model" in query:
            raise HttpError(400, "Give either a model or a call_id.", "invalid_value", "model")
        call = self._webrtc_calls.find_for_sideband(query["call_id"])
        if call is None or credential.secret is not None:
            raise HttpError(404, "No call with this id was found.", "call_id_not_found")
        return _Accepted(credential, self._pending_mishaps.take_for_next_call("sideband"), call)

    async def _serve_call(self, connection: ServerConnection) -> None:
        accepted = self._accepted.pop(connection)
        request = connection.request
        assert request is not None  # set after the handshake
        headers = without_secrets(_headers_of(request))
        if accepted.watched_call is not None:
            await self._serve_sideband(connection, accepted.watched_call, accepted.mishaps, headers)
            return
        secret = accepted.credential.secret
        model = _query_of(request).get("model", DEFAULT_MODEL if secret is None else secret.model)
        record = self._records.open(model, headers, self._now())
        if "openai-beta" in headers:
            await self._refuse_beta(connection)
            record.closed_at = self._now()
            return
        engine = self._new_engine(
            model, None if secret is None else secret.session, is_webrtc=False
        )
        call = Call(
            connection,
            engine,
            record,
            self._records,
            self._synthesiser,
            self._recogniser,
            accepted.mishaps,
            self._now,
        )
        self._calls.add(call)
        try:
            await call.run()
        finally:
            self._calls.discard(call)

    async def _serve_sideband(
        self,
        connection: ServerConnection,
        call: WebRtcCall,
        mishaps_of_sideband: Sequence[Mishap],
        headers: Mapping[str, str],
    ) -> None:
        record = self._records.open("", headers, self._now(), "sideband")
        record.rtc_id = call.rtc_id
        await call.serve_sideband(connection, record, mishaps_of_sideband)

    def _new_engine(self, model: str, session: Event | None, *, is_webrtc: bool) -> Engine:
        options = self._options
        return Engine(
            model,
            Customer(),
            _id_source(),
            EngineOptions(
                cap_s=options.cap_s,
                pace=options.pace,
                late_every=options.late_every,
                is_webrtc=is_webrtc,
            ),
            session,
        )

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
        await connection.send(encode(event).decode())
        await connection.close(4000, "invalid_request_error.beta_api_shape_disabled")


def _clock() -> Callable[[], float]:
    """A clock in Unix seconds that never goes back, even if the system clock does."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


def _id_source() -> Callable[[str], str]:
    """A function that returns unique ids: a random stem for the call, and a counter (cheap)."""
    stem, numbers = secrets.token_hex(6), count(1)
    return lambda prefix: f"{prefix}_{stem}{next(numbers):08x}"
