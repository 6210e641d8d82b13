"""What clients learn of an answer that failed: a code with a sentence, and an HTTP status. PURE."""

from collections.abc import Mapping

from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamError

STATUSES: Mapping[str, int] = {
    "reply_running": 409,
    "call_live": 409,
    "session_closed": 409,
    "price_unknown": 403,
    "not_found": 404,
    "chat_model_unknown": 502,
    "chat_refused": 502,
    "chat_failed": 502,
    "chat_unavailable": 503,
    "chat_timeout": 504,
    "unavailable": 503,
    "internal": 500,
}
"""The HTTP status of each error code of the chat."""

_CODES: Mapping[Ending, str] = {
    Ending.PROVIDER_REFUSED: "chat_refused",
    Ending.PROVIDER_FAILED: "chat_failed",
    Ending.PROVIDER_UNAVAILABLE: "chat_unavailable",
    Ending.PROVIDER_TIMEOUT: "chat_timeout",
}


def code_of(error: UpstreamError) -> str:
    """The error code for clients. An unknown model is named: the operator mistyped `CHAT_MODEL`."""
    return "chat_model_unknown" if error.code == "model_not_found" else _CODES[error.ending]
