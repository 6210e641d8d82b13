"""Where a browser reaches the provider, by the base URL of its HTTP API. PURE."""

from dataclasses import dataclass
from urllib.parse import urlsplit

_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class ProviderUrls:
    """The WebSocket and the endpoint of WebRTC calls, without parameters, and their origins."""

    websocket_url: str
    calls_url: str
    origins: tuple[str, str]


def provider_urls(base_url: str) -> ProviderUrls:
    """The URLs below this base, such as `https://api.openai.com/v1`.

    Raises KeyError for a base that is neither http nor https; `OPENAI_BASE_URL` is checked when
    the settings are read.
    """
    parts = urlsplit(base_url.rstrip("/"))
    http, websocket = parts.scheme, _WEBSOCKET_SCHEMES[parts.scheme]
    rest = f"{parts.netloc}{parts.path}"
    return ProviderUrls(
        websocket_url=f"{websocket}://{rest}/realtime",
        calls_url=f"{http}://{rest}/realtime/calls",
        origins=(f"{http}://{parts.netloc}", f"{websocket}://{parts.netloc}"),
    )
