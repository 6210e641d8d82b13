"""How somebody is refused: by HTTP before the socket opens, by our events and a code after it."""

import json
import logging
from typing import Any

from backend.gateway.handshake import Scope, language_of
from backend.gateway.socket import ClientSocket, Send
from backend.protocol.errors import AdmissionRefused
from backend.relay import own_events
from backend.telemetry.logs import log_event
from backend.wording import sentence

_logger = logging.getLogger(__name__)

_EXTENSION = "websocket.http.response"


async def refuse_upgrade(scope: Scope, send: Send, status: int, code: str) -> None:
    """Answer the handshake with HTTP: `status` and the one error shape.

    A server that cannot do that (Daphne) answers 403 without a body.
    """
    _log(scope, code, status)
    if _EXTENSION not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    message = sentence(code, language_of(scope))
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": f"{_EXTENSION}.start", "status": status, "headers": headers})
    await send({"type": f"{_EXTENSION}.body", "body": body})


async def refuse_call(scope: Scope, client: ClientSocket, refused: AdmissionRefused) -> None:
    """Say why on the open socket, where a page can read it, and close. Raises ClientGone."""
    close_code = refused.ending.close_code
    _log(scope, refused.code, close_code)
    language = language_of(scope)
    # The same word as in `relay.closing`, or a client that believes the first one gives up.
    is_retryable = refused.ending.is_retryable
    await client.send(
        own_events.error("relay_1", refused.code, language, is_retryable=is_retryable)
    )
    await client.send(own_events.closing("relay_2", refused.ending, language))
    await client.close(close_code, str(refused.ending))


class UnknownPath:
    """Any other WebSocket address, a malformed session id included: HTTP 404."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Refuse the upgrade."""
        await receive()
        await refuse_upgrade(scope, send, 404, "not_found")


def _log(scope: Scope, code: str, status: int) -> None:
    session_id = scope.get("url_route", {}).get("kwargs", {}).get("session_id")
    log_event(
        _logger, logging.WARNING, "call.refused", code=code, status=status, session_id=session_id
    )
