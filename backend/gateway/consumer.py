"""The WebSocket's door: answer the handshake, hand the call to the relay, tell who is refused."""

import logging
from collections.abc import Callable
from typing import Any

from channels.consumer import AsyncConsumer
from django.conf import settings

from backend.conversations.executor import DatabaseSlow
from backend.gateway import handshake
from backend.gateway.rejections import refuse_call, refuse_upgrade
from backend.gateway.socket import ClientSocket
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.relay.ports import ClientGone
from backend.runtime import Runtime

_logger = logging.getLogger(__name__)


class RealtimeConsumer(AsyncConsumer):
    """One call over one WebSocket, as one ASGI conversation.

    `__call__` is overridden because Channels' own `dispatch` closes old database connections around
    every message, on asgiref's one thread: that costs 80 to 120 microseconds a frame, and one query
    that was stuck for 4 s held up the frames of every other call of the process for 4.02 s. And
    because `disconnect()` is not called after an exception, nor when the server is told to stop:
    what a call holds is let go in one `finally`, in `relay.call`.
    """

    def __init__(self, runtime: Callable[[], Runtime]) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the socket until its call is over and cleaned up."""
        if (await receive())["type"] != "websocket.connect":
            return
        hosts, origins = settings.ALLOWED_HOSTS, settings.ALLOWED_ORIGINS
        if not handshake.comes_from_an_allowed_origin(scope, hosts, origins):
            await refuse_upgrade(scope, send, 403, "origin_foreign")
            return
        client = ClientSocket(receive, send)
        try:
            # Accepted before anything is asked: browsers hide why a handshake failed, and Daphne
            # drops one that takes longer than its time limit.
            await client.accept(handshake.subprotocol_of(scope))
            await self._serve(scope, client)
        except ClientGone:
            return

    async def _serve(self, scope: Any, client: ClientSocket) -> None:
        try:
            credential = handshake.credential_of(scope)
            session_id = scope["url_route"]["kwargs"]["session_id"]
            await self._runtime().serve_call(session_id, credential, client)
        except AdmissionRefused as refused:
            await refuse_call(scope, client, refused)
        except DatabaseSlow:
            # Nothing is wrong but the load, and no ending says so better than `internal`.
            await refuse_call(scope, client, AdmissionRefused("unavailable", Ending.INTERNAL))
        except Exception:
            _logger.exception("admission.failed")
            await refuse_call(scope, client, AdmissionRefused("internal", Ending.INTERNAL))
