"""The REST API: `POST /v1/responses` and `POST /v1/audio/transcriptions`.

`realtime_rest` has the requests of the Realtime API.

The persona and its memory are those of a call. Mishaps apply as `engine.mishaps` describes; what
they do to a request is in `RestApi` (before the answer), `_answer_whole` and `TextStream`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import msgspec

from backend.simulator.engine import mishaps, transcription
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.mishaps import Api, Kind, Mishap
from backend.simulator.engine.text_response import TextRequest, TextResponse, parse_request
from backend.simulator.engine.voice_activity import SpeechStarted, VoiceActivityDetector
from backend.simulator.persona.customer import Customer
from backend.simulator.server.call_records import CallRecord, CallRecords
from backend.simulator.server.credentials import without_secrets
from backend.simulator.server.http_errors import HttpError, http_error, key_of, refusal_of
from backend.simulator.server.http_messages import (
    JSON,
    Form,
    FormFile,
    HttpExchange,
    HttpRequest,
    parse_form,
)
from backend.simulator.server.realtime_rest import (
    CALLS_PATH,
    RealtimeRest,
    answer_preflight,
    cors_headers,
    decode_json,
    is_hangup,
)
from backend.simulator.server.text_stream import TextStream
from backend.simulator.sound import clip
from backend.simulator.sound.recogniser import Recogniser

_APIS: Final[dict[str, Api]] = {
    "/v1/responses": "responses",
    "/v1/audio/transcriptions": "transcriptions",
    "/v1/realtime/client_secrets": "client_secrets",
    CALLS_PATH: "calls",
}
MAX_FILE_BYTES: Final = 25 * 1024 * 1024
MAX_RECORDED_BYTES: Final = 64 * 1024
"""The record of a request keeps a body up to this size: there are up to 1,000 records."""

_log = logging.getLogger("backend.simulator.rest")
_encode = msgspec.json.Encoder().encode


def _check_access(request: HttpRequest) -> Api:
    """The API that the request is for. Raises HttpError if there is none, or without a key."""
    api = "hangup" if is_hangup(request.path) else _APIS.get(request.path)
    if api is None:
        raise HttpError(404, f"Invalid URL ({request.method} {request.path})")
    if request.method != "POST":
        raise HttpError(405, f"Invalid method for URL ({request.method} {request.path})")
    key_of(request.headers)
    return api


def _read_json(request: HttpRequest) -> TextRequest:
    body = decode_json(request.body)
    try:
        return parse_request(body)
    except ClientEventError as error:
        raise http_error(error) from error


def _read_form(request: HttpRequest) -> tuple[Form, transcription.TranscriptionRequest, FormFile]:
    try:
        form = parse_form(request.headers.get("content-type", ""), request.body)
    except ValueError as error:
        raise HttpError(400, f"Could not parse multipart form: {error}.") from error
    file = form.files.get("file")
    try:
        wanted = transcription.parse_fields(form.texts, None if file is None else file.filename)
    except ClientEventError as error:
        raise http_error(error, 404 if error.code == "model_not_found" else 400) from error
    assert file is not None  # parse_fields refuses a form without one
    if len(file.content) > MAX_FILE_BYTES:
        message = f"Maximum content size limit ({MAX_FILE_BYTES}) exceeded"
        raise HttpError(413, f"{message} ({len(file.content)} bytes read)")
    return form, wanted, file


class RestApi:
    """Answers requests; one object for all of them.

    `word_interval_s`: the time between two words of a written reply.
    """

    def __init__(
        self,
        records: CallRecords,
        pending_mishaps: mishaps.PendingMishaps,
        recogniser: Recogniser,
        new_id: Callable[[str], str],
        now: Callable[[], float],
        word_interval_s: float,
        realtime: RealtimeRest,
    ) -> None:
        self._records = records
        self._pending_mishaps = pending_mishaps
        self._recogniser = recogniser
        self._new_id = new_id
        self._now = now
        self._word_interval_s = word_interval_s
        self._realtime = realtime
        self._streams: set[TextStream] = set()
        self._exchanges: set[HttpExchange] = set()

    async def serve(self, request: HttpRequest, exchange: HttpExchange) -> None:
        """Answer one request; cancelled when the client has gone."""
        self._exchanges.add(exchange)
        try:
            await self._serve(request, exchange)
        except HttpError as error:
            headers = cors_headers(request.path)
            exchange.respond(error.status, error.body.encode(), headers=headers)
        except Exception:
            _log.exception("a REST request failed")
            message = "The server had an error while processing your request."
            exchange.respond(500, mishaps.error_body("server_error", None, message).encode())
        finally:
            self._exchanges.discard(exchange)

    def inject(self, mishap: Mishap) -> int:
        """Apply a mishap to the streams that are open now; return their number."""
        if mishap.api not in (None, "responses") or mishap.kind in mishaps.REALTIME_ONLY_KINDS:
            return 0
        for stream in self._streams:
            stream.inject(mishap)
        return len(self._streams)

    async def close(self) -> None:
        """Cut the requests that are being answered."""
        for exchange in self._exchanges:
            exchange.abort()
        await asyncio.sleep(0)  # The transports report their end, which cancels the answers.

    async def _serve(self, request: HttpRequest, exchange: HttpExchange) -> None:
        if answer_preflight(request, exchange):
            return
        api = _check_access(request)
        mishaps_of_request = self._pending_mishaps.take_for_next_call(api)
        for mishap in mishaps_of_request:
            if mishap.kind is Kind.HANG:
                await asyncio.Event().wait()
            refusal = refusal_of(mishap, api)
            if refusal is not None:
                headers = [*refusal.headers, *cors_headers(request.path)]
                exchange.respond(refusal.status, refusal.body.encode(), headers=headers)
                return
        match api:
            case "responses":
                await self._respond(request, exchange, mishaps_of_request)
            case "transcriptions":
                await self._transcribe(request, exchange, mishaps_of_request)
            case "client_secrets":
                self._realtime.create_client_secret(request, exchange)
            case "calls":
                await self._realtime.open_call(request, exchange, mishaps_of_request)
            case "hangup":
                self._realtime.hang_up(request, exchange)

    def _open_record(
        self, request: HttpRequest, api: Api, model: str, body: Mapping[str, Any], size: int
    ) -> CallRecord:
        headers = without_secrets(request.headers)
        kept = body if size <= MAX_RECORDED_BYTES else None
        return self._records.open(model, headers, self._now(), api, kept)

    async def _respond(
        self, request: HttpRequest, exchange: HttpExchange, mishaps_of_request: Sequence[Mishap]
    ) -> None:
        wanted = _read_json(request)
        size = len(request.body)
        record = self._open_record(
            request, "responses", wanted.params["model"], wanted.params, size
        )
        response = TextResponse(
            wanted, Customer(), self._new_id, self._now(), self._word_interval_s
        )
        headers = [("x-request-id", self._new_id("req"))]
        try:
            if wanted.is_streamed:
                stream = TextStream(exchange, record, mishaps_of_request)
                self._streams.add(stream)
                try:
                    await stream.run(response, self._word_interval_s, headers)
                finally:
                    self._streams.discard(stream)
            else:
                await asyncio.sleep(response.duration_s)
                whole = response.whole()
                record.charge_answer(whole)
                body = _encode(whole)
                await _answer_whole(exchange, body, JSON, headers, mishaps_of_request)
        finally:
            record.closed_at = self._now()

    async def _transcribe(
        self, request: HttpRequest, exchange: HttpExchange, mishaps_of_request: Sequence[Mishap]
    ) -> None:
        form, wanted, file = _read_form(request)
        described = {**asdict(file), "content": len(file.content)}
        described["bytes"] = described.pop("content")
        size = len(request.body) - len(file.content)
        body = {**form.texts, "file": described}
        record = self._open_record(request, "transcriptions", wanted.model, body, size)
        try:
            text, audio_ms = await self._listen(file.content, wanted, record)
            is_json = wanted.response_format == "json"
            described_answer = transcription.as_json(text, audio_ms)
            if "usage" in described_answer:
                usage: Any = described_answer["usage"]
                record.charge("transcription", f"clip_{record.number}", wanted.model, usage)
            answer = _encode(described_answer) if is_json else text.encode()
            content_type = JSON if is_json else "text/plain; charset=utf-8"
            headers = [("x-request-id", self._new_id("req"))]
            await _answer_whole(exchange, answer, content_type, headers, mishaps_of_request)
        except ClientEventError as error:
            raise http_error(error) from error
        finally:
            record.closed_at = self._now()

    async def _listen(
        self, data: bytes, wanted: transcription.TranscriptionRequest, record: CallRecord
    ) -> tuple[str, int | None]:
        """The text of a file, and its duration in milliseconds if it can be decoded."""
        container = clip.container_of(data)
        if container is None:
            raise transcription.unreadable_audio()
        if container != "wav":
            return transcription.text_for_container(container, wanted.language), None
        try:
            # Resampling 15 s takes about 0.1 s, in which calls must not wait.
            decoded = await asyncio.to_thread(clip.decode_wav, data)
        except clip.UnreadableWav as error:
            raise transcription.unreadable_audio() from error
        if decoded.duration_ms < transcription.MIN_AUDIO_MS:
            raise transcription.audio_too_short()
        self._records.add_audio(record, decoded.pcm)
        activity = VoiceActivityDetector().feed(decoded.pcm)
        if not any(isinstance(each, SpeechStarted) for each in activity):
            return "", decoded.duration_ms
        phrase = await self._recogniser.recognise(decoded.pcm)
        record.heard.append(phrase)
        text = transcription.text_for_unknown_phrase(wanted.language) if phrase is None else phrase
        return text, decoded.duration_ms


async def _answer_whole(
    exchange: HttpExchange,
    body: bytes,
    content_type: str,
    headers: Sequence[tuple[str, str]],
    mishaps_of_request: Sequence[Mishap],
) -> None:
    """Send a whole answer, or what a mishap makes of it; `duplicate` has no meaning here."""
    for mishap in mishaps_of_request:
        match mishap.kind:
            case Kind.SLOW:
                await asyncio.sleep(mishap.delay_s)
            case Kind.SILENT | Kind.STALL:
                await asyncio.Event().wait()
            case Kind.DROP:
                exchange.respond_in_part(body)
                return
            case Kind.CLOSE:
                exchange.close()
                return
            case Kind.GARBAGE:
                body = body[: len(body) // 2]
            case Kind.OVERSIZED:
                body = b" " * max(mishap.bytes - len(body), 0) + body
    exchange.respond(200, body, content_type, headers)
