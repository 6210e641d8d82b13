"""The REST requests of the Realtime API: ephemeral keys, and WebRTC calls (protocol §3.1, §3.2).

POST /v1/realtime/client_secrets     make an ephemeral key
POST /v1/realtime/calls              open a WebRTC call, which a browser may do itself: so with CORS
POST /v1/realtime/calls/ID/hangup    end it
"""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from backend.simulator.engine.client_secrets import SECRET_PREFIX, ClientSecrets, session_model
from backend.simulator.engine.errors import ClientEventError, invalid_type, missing_parameter
from backend.simulator.engine.mishaps import Mishap
from backend.simulator.server.call_records import CallRecords
from backend.simulator.server.credentials import Authenticator, without_secrets
from backend.simulator.server.http_errors import HttpError, http_error
from backend.simulator.server.http_messages import (
    HeaderFields,
    HttpExchange,
    HttpRequest,
    parse_form,
)
from backend.simulator.server.webrtc_calls import Offer, WebRtcCalls

CALLS_PATH: Final = "/v1/realtime/calls"
SDP: Final = "application/sdp"
_CORS: Final = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "Location, x-request-id"),
)
_PREFLIGHT: Final = (
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "*, Authorization, Content-Type"),
    ("Access-Control-Max-Age", "600"),
)
_HANGUP: Final = re.compile(rf"{CALLS_PATH}/([^/]+)/hangup")

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class RealtimeRest:
    """Answers the requests whose paths begin with `/v1/realtime/`."""

    def __init__(
        self,
        records: CallRecords,
        client_secrets: ClientSecrets,
        webrtc_calls: WebRtcCalls,
        authenticator: Authenticator,
        new_id: Callable[[str], str],
        now: Callable[[], float],
    ) -> None:
        self._records = records
        self._client_secrets = client_secrets
        self._webrtc_calls = webrtc_calls
        self._authenticator = authenticator
        self._new_id = new_id
        self._now = now

    def create_client_secret(self, request: HttpRequest, exchange: HttpExchange) -> None:
        """Make an ephemeral key. Raises HttpError: 401 without a standard key, 400."""
        self._authenticator.require_standard_key(request.headers)
        body = decode_json(request.body or b"{}")
        headers, at = without_secrets(request.headers), self._now()
        value = SECRET_PREFIX + secrets.token_hex(16)
        try:
            answer = self._client_secrets.create(body, value, self._new_id("sess"), at)
        except ClientEventError as error:
            raise http_error(error) from error
        model = session_model(body.get("session"))
        self._records.open(model, headers, at, "client_secrets", body).closed_at = at
        exchange.respond(200, _encode(answer), headers=[("x-request-id", self._new_id("req"))])

    async def open_call(
        self, request: HttpRequest, exchange: HttpExchange, mishaps: Sequence[Mishap]
    ) -> None:
        """Open a WebRTC call. Raises HttpError: 401 without a valid key, 400, 503."""
        offer = self._read_offer(request)
        try:
            rtc_id, answer = await self._webrtc_calls.open(offer, mishaps)
        except ClientEventError as error:
            raise http_error(error) from error
        location = ("Location", f"{CALLS_PATH}/{rtc_id}")
        exchange.respond(201, answer.encode(), SDP, [*_CORS, location])

    def hang_up(self, request: HttpRequest, exchange: HttpExchange) -> None:
        """End a WebRTC call. Raises HttpError: 401 without a standard key, 404."""
        self._authenticator.require_standard_key(request.headers)
        found = _HANGUP.fullmatch(request.path)
        call = None if found is None else self._webrtc_calls.find(found[1])
        if call is None:
            raise HttpError(404, "No call with this id was found.", "call_id_not_found")
        call.end()
        exchange.respond(200, b"")

    def _read_offer(self, request: HttpRequest) -> Offer:
        secret = self._authenticator.credential(request.headers).secret
        sdp, session = _read_call(request)
        if secret is not None and session is None:
            session = secret.session
        names_model = session is not None and "model" in session
        model = session_model(session) if secret is None or names_model else secret.model
        return Offer(sdp, model, session, secret is not None, without_secrets(request.headers))


def is_hangup(path: str) -> bool:
    """Whether the path is that of a hang-up."""
    return _HANGUP.fullmatch(path) is not None


def cors_headers(path: str) -> HeaderFields:
    """The CORS headers of an answer, errors too: without them, a page cannot read it."""
    return _CORS if path == CALLS_PATH else ()


def answer_preflight(request: HttpRequest, exchange: HttpExchange) -> bool:
    """Answer a browser's question before its request; return False if this is not one."""
    if request.method != "OPTIONS" or request.path != CALLS_PATH:
        return False
    exchange.respond(204, b"", headers=[*_CORS, *_PREFLIGHT])
    return True


def _read_call(request: HttpRequest) -> tuple[str, Any]:
    """The SDP and the session, None if there is none; of a form, or a body that is the SDP only."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() == SDP:
        return request.body.decode("utf-8", "replace"), None
    try:
        form = parse_form(content_type, request.body)
    except ValueError as error:
        message = f"Unsupported content type: use {SDP} or multipart/form-data ({error})."
        raise HttpError(400, message) from error
    texts = {name: file.content.decode("utf-8", "replace") for name, file in form.files.items()}
    texts |= form.texts
    if "sdp" not in texts:
        raise http_error(missing_parameter("sdp"))
    session = decode_json(texts["session"].encode()) if "session" in texts else None
    if session is not None and not isinstance(session, dict):
        raise http_error(invalid_type("session", "an object", "something else"))
    return texts["sdp"], session


def decode_json(body: bytes) -> Any:
    """The parsed body of a request. Raises HttpError (400) if it is no JSON."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError) as error:  # RecursionError: nested too deeply
        raise HttpError(400, "We could not parse the JSON body of your request.") from error
