"""What a provider of the Realtime API has to supply, and the neutral values it is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from backend.protocol.errors import UpstreamError
from backend.upstream.target import Target


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """Voice activity detection at the provider. Times in milliseconds, `threshold` 0 to 1."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float = 0.5
    silence_ms: int = 500
    prefix_ms: int = 300


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How the provider's session behaves; `transcription_model` transcribes the user's speech.

    `truncation` is what happens when the context is full: `auto` (the provider's default),
    `disabled`, or the part of the context to keep, 0 to 1.
    """

    instructions: str
    voice: str
    transcription_model: str
    turn_detection: TurnDetection
    truncation: str | float = "auto"


class Provider(Protocol):
    """Everything that differs between providers. Stateless: one instance serves every call."""

    @property
    def name(self) -> str:
        """The value of `REALTIME_PROVIDER`."""
        ...

    @property
    def audio_rate_hz(self) -> int:
        """The sample rate of the PCM16 that the session is configured with, both ways."""
        ...

    def websocket_url(self, target: Target) -> str:
        """The URL to open, with the model in it if the provider wants it there.

        With a `call_id` it joins that WebRTC call as its sideband, and names no model.
        """
        ...

    def credential_headers(self, api_key: str) -> dict[str, str]:
        """The headers that carry the key, of every request: REST and WebSocket."""
        ...

    def user_headers(self, safety_identifier: str) -> dict[str, str]:
        """The headers that say who the user is; none where the provider knows no such header."""
        ...

    def headers(self, target: Target) -> dict[str, str]:
        """The headers of the upgrade request: those of the key and of the user."""
        ...

    def accepts(self, event: Mapping[str, Any]) -> bool:
        """Whether this event proves that the provider accepted the connection.

        Called with each event until one does; False means to wait for the next one. Raises the
        UpstreamError of an `error` event, and UpstreamFailed for an event that may not come here.
        """
        ...

    def session(self, settings: SessionSettings) -> dict[str, Any]:
        """The `session` object of the `session.update` that the relay sends first."""
        ...

    def webrtc_session(self, settings: SessionSettings, model: str) -> dict[str, Any]:
        """The `session` object with which a WebRTC call is made (`upstream.webrtc_calls`)."""
        ...

    def sideband_session(self, settings: SessionSettings) -> dict[str, Any]:
        """The `session` object of the `session.update` that a sideband sends, also repeatedly."""
        ...

    def error_of_status(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """The error for an upgrade request that was answered with this HTTP status.

        `retry_after` is that header. The body can quote the key, so no text of it may be passed on.
        """
        ...

    def error_of_close(self, code: int, reason: str) -> UpstreamError:
        """The error for a connection that ended with this close code; 1005 without, 1006 if lost.

        The reason is the provider's text, so no text of it may be passed on.
        """
        ...
