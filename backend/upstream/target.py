"""What every provider is given for one call: where to connect, and how its session behaves.

Values without any provider's names or shapes; `upstream.providers` turns them into those.
"""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Target:
    """One provider endpoint for one call, checked when it is made.

    `base_url` is the provider's HTTP base, such as `https://api.openai.com/v1`. `safety_identifier`
    is a stable hash that stands for the user, so that the provider can act against one user and not
    against the whole organisation. `proxy` is the only proxy that is used: the machine's proxy
    variables are not read. The key and the proxy, which may hold a password, are not in the `repr`.

    Raises ValueError, with the field's name and without its value, if a field could break out of
    its header or URL.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    safety_identifier: str
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("base_url", "api_key", "model", "safety_identifier", "proxy"):
            if not _fits_a_header(getattr(self, name) or ""):
                raise ValueError(f"{name} holds a character that may not stand in a header")
        parts = urlsplit(self.base_url)
        if parts.scheme not in _WEBSOCKET_SCHEMES or not parts.hostname:
            raise ValueError("base_url is not an http or https URL")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("base_url holds more than a host and a path")

    @property
    def websocket_base_url(self) -> str:
        """`base_url` with `ws` or `wss`, without a slash at its end."""
        scheme, _, rest = self.base_url.rstrip("/").partition("://")
        return f"{_WEBSOCKET_SCHEMES[scheme.lower()]}://{rest}"


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


def _fits_a_header(value: str) -> bool:
    """Printable ASCII without a space at either end: no CR, LF or other control character."""
    return value.isascii() and (value == "" or value.isprintable()) and value == value.strip()
