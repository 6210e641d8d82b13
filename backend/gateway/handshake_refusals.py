"""Refuses a WebSocket: answers, logs (`call.refused`) and counts.

The answer is an HTTP response before the WebSocket is accepted; events and a close code after.
What is refused is decided in `handshake` and in the runtime; only `report_refusal` logs it, so that
the log line is the same for all of them.
"""

import json
import logging
from typing import Any
from uuid import UUID

from backend.api_errors import ApiErrorCode
from backend.gateway.handshake import Scope, StatedAddresses, preferred_language
from backend.gateway.socket import ClientSocket, Send
from backend.protocol.errors import AdmissionCode, AdmissionRefused
from backend.relay import relay_events
from backend.telemetry.counters import COUNTERS
from backend.telemetry.logs import Fields, log_event
from backend.wording import sentence

_logger = logging.getLogger(__name__)

_HTTP_RESPONSE_EXTENSION = "websocket.http.response"


async def refuse_upgrade(
    scope: Scope,
    send: Send,
    status: int,
    code: AdmissionCode | ApiErrorCode,
    addresses: StatedAddresses | None = None,
) -> None:
    """Answer the handshake over HTTP with `status` and the API's error body.

    `addresses` are its detail, and logged. A server without the ASGI extension for that (Daphne)
    answers 403 without a body.
    """
    report_refusal(code, status, _session_id(scope), addresses)
    if _HTTP_RESPONSE_EXTENSION not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    message = sentence(code, preferred_language(scope))
    detail = {} if addresses is None else {"detail": addresses.as_detail()}
    body = json.dumps({"error": {"code": code, "message": message} | detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": f"{_HTTP_RESPONSE_EXTENSION}.start", "status": status, "headers": headers})
    await send({"type": f"{_HTTP_RESPONSE_EXTENSION}.body", "body": body})


async def refuse_call(scope: Scope, client: ClientSocket, refused: AdmissionRefused) -> None:
    """Send `relay.error` and `relay.closing` and close. Raises ClientGone.

    A page can read these, unlike a failed handshake.
    """
    close_code = refused.ending.close_code
    report_refusal(refused.code, close_code, _session_id(scope))
    language = preferred_language(scope)
    # Both events carry the same `retryable`: a client that reads only the first must not give up.
    is_retryable = refused.ending.is_retryable
    retry_after_s = refused.retry_after_s
    await client.send(
        relay_events.error(
            "relay_1",
            refused.code,
            language,
            is_retryable=is_retryable,
            retry_after_s=retry_after_s,
            resets_at=refused.resets_at,
        )
    )
    await client.send(
        relay_events.closing("relay_2", refused.ending, language, retry_after_s, refused.resets_at)
    )
    await client.close(close_code, str(refused.ending))


class NotFound:
    """Answers 404 at any other WebSocket path, also one with a malformed session id."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Refuse the handshake."""
        await receive()
        await refuse_upgrade(scope, send, 404, "not_found")


def report_refusal(
    code: str,
    status: int | None,
    session_id: UUID | None,
    addresses: StatedAddresses | None = None,
) -> None:
    """Log and count a refusal; with `addresses`, log the Origin and the Host that do not match."""
    COUNTERS.calls_refused[code] += 1
    fields: Fields = {"code": code, "status": status, "session_id": session_id}
    if addresses is not None:
        fields |= {"origin": addresses.origin, "host": addresses.host}
    log_event(_logger, logging.WARNING, "call.refused", **fields)


def _session_id(scope: Scope) -> UUID | None:
    session_id: UUID | None = scope.get("url_route", {}).get("kwargs", {}).get("session_id")
    return session_id
