"""ASGI scopes as servers build them."""

from typing import Any
from uuid import UUID

SESSION = UUID("22222222-2222-4222-8222-222222222222")


def scope(
    *,
    host: str = "voice.example.com",
    origin: str | None = "https://voice.example.com",
    offers: tuple[str, ...] = (),
    query: str = "",
    extensions: dict[str, Any] | None = None,
    **headers: str,
) -> dict[str, Any]:
    """Return a WebSocket scope; `accept_language="ja"` sets the header `accept-language`."""
    values = {"host": host} | ({"origin": origin} if origin is not None else {})
    values |= {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "type": "websocket",
        "path": f"/ws/realtime/{SESSION}/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in values.items()],
        "subprotocols": list(offers),
        "extensions": extensions or {},
        "url_route": {"kwargs": {"session_id": SESSION}},
    }
