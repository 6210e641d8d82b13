"""What an ephemeral key is asked for with: the request's body. PURE."""

from collections.abc import Mapping
from typing import Any

from backend.upstream.providers.interface import Provider, SessionSettings

DEFAULT_VOICE = "verse"
"""The voice of a direct session that chooses none; the setting `REALTIME_VOICE` is the relay's."""


def client_secret_request(
    provider: Provider, settings: SessionSettings, model: str, seconds: int
) -> Mapping[str, Any]:
    """The body of `POST /realtime/client_secrets` for a key of this many seconds, 10 to 7200.

    The session is the one that the relay configures. For the provider it is a default only: whoever
    holds the key may replace every part of it (protocol section 3.1).
    """
    return {
        "expires_after": {"anchor": "created_at", "seconds": seconds},
        "session": {**provider.session(settings), "model": model},
    }
