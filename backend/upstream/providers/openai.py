"""OpenAI: the GA Realtime API. PURE.

Sources: protocol sections 1, 2 and 5; the error and close codes as observed, and those that the
official SDKs treat as recoverable.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from backend.protocol.audio import SAMPLE_RATE_HZ
from backend.protocol.errors import UpstreamError, UpstreamFailed, UpstreamUnavailable
from backend.protocol.events import ServerEvent
from backend.protocol.provider_errors import opening_failure
from backend.protocol.reading import JsonObject, mapping_at
from backend.upstream import failures
from backend.upstream.failures import Failure
from backend.upstream.providers.interface import SessionSettings, TurnDetection
from backend.upstream.target import Target

CLOSE_CODES: Mapping[int, Failure] = {
    3000: failures.CREDENTIALS_REFUSED,
    3003: failures.ACCESS_DENIED,
    4000: failures.REQUEST_REFUSED,
    4001: failures.CREDENTIALS_REFUSED,
    4003: failures.ACCESS_DENIED,
}
"""OpenAI's own close codes, where the reason names no error."""

_EXPIRED = re.compile(r"maximum duration|session_expired", re.IGNORECASE)
_TYPE_AND_CODE = re.compile(r"(?P<type>[a-z_]{1,64})\.(?P<code>[a-z_]{1,64})")
"""A close reason such as `invalid_request_error.invalid_api_key`."""


class OpenAI:
    """OpenAI's side of `upstream.providers.Provider`."""

    name: str = "openai"
    audio_rate_hz = SAMPLE_RATE_HZ

    def websocket_url(self, target: Target) -> str:
        """The realtime path, with the model as a parameter, quoted; a sideband's with the call."""
        name, value = ("call_id", target.call_id) if target.call_id else ("model", target.model)
        return f"{target.websocket_base_url}/realtime?{name}={quote(value, safe='')}"

    def credential_headers(self, api_key: str) -> dict[str, str]:
        """The key as a bearer token."""
        return {"Authorization": f"Bearer {api_key}"}

    def user_headers(self, safety_identifier: str) -> dict[str, str]:
        """The user's hash (protocol section 1.1)."""
        return {"OpenAI-Safety-Identifier": safety_identifier}

    def headers(self, target: Target) -> dict[str, str]:
        """The key and the user's hash. `OpenAI-Beta` is never among them: GA only."""
        return {
            **self.credential_headers(target.api_key),
            **self.user_headers(target.safety_identifier),
        }

    def accepts(self, event: JsonObject) -> bool:
        """True for `session.created`. Only `conversation.created` may come before it.

        The upgrade alone proves nothing: a wrong key has been seen to upgrade and fail afterwards.
        """
        event_type = event.get("type")
        if event_type == ServerEvent.ERROR:
            kind, code = _named(mapping_at(event, "error")) or (UpstreamFailed, "error_event")
            raise kind(code)
        if event_type not in (ServerEvent.SESSION_CREATED, ServerEvent.CONVERSATION_CREATED):
            raise UpstreamFailed("first_event_unexpected")
        return bool(event_type == ServerEvent.SESSION_CREATED)

    def session(self, settings: SessionSettings) -> dict[str, Any]:
        """Everything that decides when a user's turn ends and what is transcribed.

        `type` must be there or the update is dropped; without `transcription` the user's speech is
        never transcribed; the default silence is documented as 500 ms and has been seen as 200
        (protocol section 2). The model is in the URL and cannot be changed.
        """
        pcm = {"type": "audio/pcm", "rate": self.audio_rate_hz}
        session: dict[str, Any] = {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": settings.instructions,
            "audio": {
                "input": {
                    "format": pcm,
                    "transcription": {"model": settings.transcription_model},
                    "turn_detection": _turn_detection(settings.turn_detection),
                },
                "output": {"format": pcm, "voice": settings.voice},
            },
            "tools": [],
        }
        if settings.truncation != "auto":
            session["truncation"] = _truncation(settings.truncation)
        return session

    def webrtc_session(self, settings: SessionSettings, model: str) -> dict[str, Any]:
        """As `session`, with the model, and without formats: the peers agree on the audio's."""
        session = self.session(settings) | {"model": model}
        audio = session["audio"]
        for side in ("input", "output"):
            audio[side] = {name: value for name, value in audio[side].items() if name != "format"}
        return session

    def sideband_session(self, settings: SessionSettings) -> dict[str, Any]:
        """What holds for the whole call, so that it can be sent again at any time.

        Without the voice: one that differs from the present one is refused after the first audio,
        and the whole update with it (protocol section 1.4).
        """
        session = self.session(settings) | {"tool_choice": "auto"}
        audio = session["audio"]
        del audio["output"], audio["input"]["format"]
        return session

    def error_of_status(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """By the error that the body of a 4xx names, else by the status."""
        kind, code = failures.of_status(status)
        named = _named(_error_in(body))
        # A redirect's or a 5xx's body may come from a proxy in between that cannot judge the key.
        if named is not None and status // 100 == 4 and named[1] != "invalid_request_error":
            kind, code = named
        return kind(code, status=status, retry_after_s=failures.seconds_of(retry_after))

    def error_of_close(self, code: int, reason: str) -> UpstreamError:
        """By the error that the reason names, else by the code."""
        if _EXPIRED.search(reason):
            return UpstreamUnavailable("session_expired", status=code)
        match = _TYPE_AND_CODE.fullmatch(reason) if code >= 3000 else None
        named = _named(match.groupdict()) if match else None
        kind, word = named or CLOSE_CODES.get(code) or failures.of_close(code)
        return kind(word, status=code)


def _truncation(truncation: str | float) -> str | dict[str, Any]:
    if isinstance(truncation, str):
        return truncation
    return {"type": "retention_ratio", "retention_ratio": truncation}


def _turn_detection(detection: TurnDetection) -> dict[str, Any]:
    session_field: dict[str, Any] = {
        "type": detection.type,
        "create_response": True,
        "interrupt_response": True,
    }
    if detection.type == "server_vad":
        session_field |= {
            "threshold": detection.threshold,
            "prefix_padding_ms": detection.prefix_ms,
            "silence_duration_ms": detection.silence_ms,
        }
    return session_field


def _named(error: JsonObject) -> Failure | None:
    """The failure that an error object names by its `code` or `type`; None if it is unknown."""
    named = opening_failure(error)
    if named is None:
        return None
    code, ending = named
    return failures.class_of(ending), code


def _error_in(body: bytes) -> JsonObject:
    try:
        return mapping_at(json.loads(body), "error")
    except (ValueError, RecursionError):
        return {}
