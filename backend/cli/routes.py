"""How a call is connected: through our server with a ticket, or straight to the provider."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from backend.cli.failures import ExitCode, Failure
from backend.cli.server_api import Cost, ServerApi, is_private_connection
from backend.cli.wording import Language
from backend.protocol.audio import SAMPLE_RATE_HZ
from backend.protocol.events import ClientEvent, ServerEvent
from backend.protocol.reading import JsonObject, text_at

PROVIDER_URL = "wss://api.openai.com/v1/realtime"
MODEL = "gpt-realtime"
TRANSCRIPTION_MODEL = "gpt-transcribe"
_OPEN_TIMEOUT_S = 15.0
_PING_S, _PONG_TIMEOUT_S = 10.0, 8.0
"""A dead connection is noticed within 20 s, as on the page (`frontend/call/heartbeat.js`)."""
_MAX_FRAME_BYTES = 16 * 2**20


class Route(Protocol):
    """One way to a conversation."""

    @property
    def can_reconnect(self) -> bool:
        """Whether the other end remembers the conversation."""

    async def open(self) -> ClientConnection:
        """A new connection. Raises Failure."""

    def reply(self, event: JsonObject) -> dict[str, Any] | None:
        """What must be sent at once after this event, before the call is ready."""

    def is_ready(self, event: JsonObject) -> bool:
        """Whether the call is ready from this event on."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a call goes.

    `read_cost` returns the conversation's cost, and blocks; None where nobody knows it. `sentence`
    says which conversation it is, or is empty.
    """

    route: Route
    read_cost: Callable[[], Cost] | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class ServerRoute:
    """Through our server: each connection takes a new ticket."""

    api: ServerApi
    session_id: str
    language: Language
    can_reconnect: bool = True

    async def open(self) -> ClientConnection:
        """Take a ticket and connect with it."""
        ticket = await asyncio.to_thread(self.api.ticket, self.session_id)
        return await _connect(
            self.api.websocket_url(self.session_id),
            [Subprotocol("realtime"), Subprotocol(f"relay.ticket.{ticket}")],
            {"Accept-Language": self.language},
        )

    def reply(self, event: JsonObject) -> None:
        """The server configures the call itself."""

    def is_ready(self, event: JsonObject) -> bool:
        """`relay.ready`: the call is configured and the past is replayed."""
        return event.get("type") == "relay.ready"


@dataclass(frozen=True, slots=True)
class DirectRoute:
    """Straight to the provider. `take_key` returns an API key or an ephemeral key; it may block.

    Without a `voice` the session keeps the one that its key or the provider has chosen.
    """

    take_key: Callable[[], str]
    url: str = PROVIDER_URL
    model: str = MODEL
    voice: str = ""
    can_reconnect: bool = False

    async def open(self) -> ClientConnection:
        """Connect with the key. Raises Failure also where others could read the key on the way."""
        if not is_private_connection(self.url):
            raise Failure(ExitCode.USAGE, "provider_url_insecure")
        key = await asyncio.to_thread(self.take_key)
        return await _connect(
            f"{self.url}?model={quote(self.model, safe='')}",
            None,
            {"Authorization": f"Bearer {key}"},
        )

    def reply(self, event: JsonObject) -> dict[str, Any] | None:
        """Configure the session as soon as it exists."""
        if event.get("type") != ServerEvent.SESSION_CREATED:
            return None
        return {"type": str(ClientEvent.SESSION_UPDATE), "session": _session(self.voice)}

    def is_ready(self, event: JsonObject) -> bool:
        """`session.updated`: audio before it would be answered with the default session."""
        return event.get("type") == ServerEvent.SESSION_UPDATED


def _session(voice: str) -> dict[str, Any]:
    """What our server sets too, except for its instructions (protocol section 2)."""
    pcm = {"type": "audio/pcm", "rate": SAMPLE_RATE_HZ}
    detection = {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "create_response": True,
        "interrupt_response": True,
    }
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": pcm,
                "transcription": {"model": TRANSCRIPTION_MODEL},
                "turn_detection": detection,
            },
            "output": {"format": pcm} | ({"voice": voice} if voice else {}),
        },
    }


async def _connect(
    url: str, subprotocols: list[Subprotocol] | None, headers: dict[str, str]
) -> ClientConnection:
    try:
        return await connect(
            url,
            subprotocols=subprotocols,
            additional_headers=headers,
            open_timeout=_OPEN_TIMEOUT_S,
            ping_interval=_PING_S,
            ping_timeout=_PONG_TIMEOUT_S,
            close_timeout=2.0,
            max_size=_MAX_FRAME_BYTES,
            compression=None,
        )
    except InvalidStatus as error:
        status, message = error.response.status_code, _message_in(error.response.body)
        code = ExitCode.REFUSED if 400 <= status < 500 else ExitCode.UNREACHABLE
        raise Failure(code, "handshake_refused", message, status=status) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        raise Failure(ExitCode.UNREACHABLE, "call_unreachable", reason=reason) from None


def _message_in(body: bytes | bytearray | None) -> str:
    """The sentence in an error's body: ours and the provider's have the same shape."""
    try:
        error = json.loads(body or b"{}").get("error")
    except (ValueError, AttributeError):
        return ""
    return text_at(error, "message") or "" if isinstance(error, dict) else ""
