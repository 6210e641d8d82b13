"""The client's WebSocket over ASGI; implements `relay.ports.ClientConnection`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from backend.relay.ports import ClientGone, DirectClient

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


MAX_EARLY_MESSAGES = 256
"""More than a server hands over at once (`serving.websocket_protocol.SLICE_BYTES`)."""


class ClientSocket:
    """One client's WebSocket, from the accepted handshake to the close."""

    def __init__(self, receive: Receive, send: Send, direct: DirectClient | None = None) -> None:
        self.direct = direct
        self._receive = receive
        self._send = send
        self._early: list[Message] = []
        """What `has_left` has read, for `receive`."""

    async def accept(self, subprotocol: str | None) -> None:
        """Accept the handshake. Raises ClientGone."""
        await self._send_message({"type": "websocket.accept", "subprotocol": subprotocol})

    async def receive(self) -> str | bytes:
        """Return the next frame: str if it is text, bytes if binary. Raises ClientGone."""
        while True:
            message = self._early.pop(0) if self._early else await self._receive()
            if message["type"] == "websocket.disconnect":
                raise ClientGone
            if message["type"] == "websocket.receive":
                text: str | None = message.get("text")
                return text if text is not None else message.get("bytes") or b""

    async def has_left(self) -> bool:
        """Return whether the server already knows that the client has closed.

        Reads what has arrived, without waiting.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                while len(self._early) < MAX_EARLY_MESSAGES:
                    self._early.append(await self._receive())
                    if self._early[-1]["type"] == "websocket.disconnect":
                        return True
        return False

    async def send(self, text: str) -> None:
        """Send one text frame; blocks while the client does not read. Raises ClientGone."""
        await self._send_message({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str) -> None:
        """Close with this code; does nothing if the socket is already closed.

        Daphne raises for the codes from 1001 to 2999: then the code is 1000, and the client has
        the ending from `relay.closing`.
        """
        for accepted_code in (code, 1000):
            try:
                await self._send_message(
                    {"type": "websocket.close", "code": accepted_code, "reason": reason}
                )
            except ClientGone:
                continue
            return

    async def _send_message(self, message: Message) -> None:
        try:
            await self._send(message)
        except Exception as error:
            # Each server raises its own exception for a closed socket; they have no common base.
            raise ClientGone from error
