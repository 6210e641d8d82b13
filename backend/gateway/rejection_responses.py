"""Refusals: over HTTP before the WebSocket is accepted, with events and a close code after."""

import json
import logging
from typing import Any

from backend.api_errors import ApiErrorCode
from backend.gateway.handshake import Scope, preferred_language
from backend.gateway.socket import ClientSocket, Send
from backend.protocol.errors import AdmissionCode, AdmissionRefused
from backend.relay import own_events
from backend.telemetry.counters import COUNTERS
from backend.telemetry.logs import log_event
from backend.wording import sentence

_logger = logging.getLogger(__name__)

_HTTP_RESPONSE_EXTENSION = "websocket.http.response"


async def refuse_upgrade(
    scope: Scope, send: Send, status: int, code: AdmissionCode | ApiErrorCode
) -> None:
    """Answer the handshake over HTTP with `status` and the API's error body.

    A server without the ASGI extension for that (Daphne) answers 403 without a body.
    """
    _report(scope, code, status)
    if _HTTP_RESPONSE_EXTENSION not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    message = sentence(code, preferred_language(scope))
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": f"{_HTTP_RESPONSE_EXTENSION}.start", "status": status, "headers": headers})
    await send({"type": f"{_HTTP_RESPONSE_EXTENSION}.body", "body": body})


async def refuse_call(scope: Scope, client: ClientSocket, refused: AdmissionRefused) -> None:
    """Send `relay.error` and `relay.closing` and close. Raises ClientGone.

    A page can read these, unlike a failed handshake.
    """
    close_code = refused.ending.close_code
    _report(scope, refused.code, close_code)
    language = preferred_language(scope)
    # Both events carry the same `retryable`: a client that reads only the first must not give up.
    is_retryable = refused.ending.is_retryable
    await client.send(
        own_events.error("relay_1", refused.code, language, is_retryable=is_retryable)
    )
    await client.send(own_events.closing("relay_2", refused.ending, language))
    await client.close(close_code, str(refused.ending))


class NotFound:
    """Answers 404 at any other WebSocket path, also one with a malformed session id."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Refuse the handshake."""
        await receive()
        await refuse_upgrade(scope, send, 404, "not_found")


def _report(scope: Scope, code: str, status: int) -> None:
    """Log and count a refusal."""
    COUNTERS.calls_refused[code] += 1
    session_id = scope.get("url_route", {}).get("kwargs", {}).get("session_id")
    log_event(
        _logger, logging.WARNING, "call.refused", code=code, status=status, session_id=session_id
    )
