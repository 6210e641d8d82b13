"""The WebSocket consumer: checks the handshake, hands the call to the runtime, reports refusals."""

import logging
from collections.abc import Callable
from typing import Any

from channels.consumer import AsyncConsumer
from django.conf import settings

from backend.conversations.database_executor import DatabaseSlow
from backend.database import DATABASE_UNAVAILABLE
from backend.gateway import handshake
from backend.gateway.handshake_refusals import refuse_call, refuse_upgrade
from backend.gateway.socket import ClientSocket
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.protocol.text_frames import DIRECT_TEXT
from backend.relay.ports import ClientGone
from backend.runtime import Runtime

_logger = logging.getLogger(__name__)


class RealtimeConsumer(AsyncConsumer):
    """One call over one WebSocket, for one ASGI scope.

    `__call__` is overridden for two reasons. Channels' own `dispatch` closes old database
    connections around every message, on asgiref's one thread: that costs 80 to 120 microseconds a
    frame, and one query that was stuck for 4 s held up the frames of every other call of the
    process for 4.02 s. And Channels does not call `disconnect()` after an exception or when the
    server cancels the application: a call's resources are released in one `finally`, in
    `relay.call`.
    """

    def __init__(self, runtime: Callable[[], Runtime]) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the WebSocket until its call has ended and is cleaned up."""
        if (await receive())["type"] != "websocket.connect":
            return
        if not handshake.is_origin_allowed(scope, settings.ALLOWED_HOSTS, settings.ALLOWED_ORIGINS):
            addresses = handshake.stated_addresses(scope)
            await refuse_upgrade(scope, send, 403, "origin_foreign", addresses)
            return
        direct = scope.get("extensions", {}).get(DIRECT_TEXT)
        client = ClientSocket(receive, send, direct)
        try:
            # Accept before authentication: browsers hide why a handshake failed, and Daphne drops
            # one that takes longer than its time limit.
            await client.accept(handshake.select_subprotocol(scope))
            await self._serve_call(scope, client)
        except ClientGone:
            return

    async def _serve_call(self, scope: Any, client: ClientSocket) -> None:
        try:
            credential = handshake.read_credential(scope)
            handshake.release_headers(scope)
            session_id = scope["url_route"]["kwargs"]["session_id"]
            await self._runtime().serve_call(session_id, credential, client)
        except AdmissionRefused as refused:
            await refuse_call(scope, client, refused)
        except (DatabaseSlow, *DATABASE_UNAVAILABLE):
            # `unavailable`, as in `api_errors`; `refuse_call` logs it. No ending fits a slow
            # database better than `internal`.
            await refuse_call(scope, client, AdmissionRefused("unavailable", Ending.INTERNAL))
        except Exception:
            _logger.exception("admission.failed")
            await refuse_call(scope, client, AdmissionRefused("internal", Ending.INTERNAL))
