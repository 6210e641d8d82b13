"""The client's WebSocket over ASGI's callables: implements `relay.ports.ClientConnection`."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from backend.relay.ports import ClientGone

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientSocket:
    """One client's socket, from the handshake to the close."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def accept(self, subprotocol: str | None) -> None:
        """Answer the handshake. Raises ClientGone."""
        await self._say({"type": "websocket.accept", "subprotocol": subprotocol})

    async def receive(self) -> str | bytes:
        """The next frame: text, or bytes for a binary one. Raises ClientGone."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise ClientGone
            if message["type"] == "websocket.receive":
                text: str | None = message.get("text")
                return text if text is not None else message.get("bytes") or b""

    async def send(self, text: str) -> None:
        """Send one text frame; waits while the client does not read. Raises ClientGone."""
        await self._say({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str) -> None:
        """Close with this code; returns at once if the socket is gone already.

        Daphne refuses the codes from 1001 to 2999 with an exception: then it is 1000, and the
        client knows the ending from `relay.closing`.
        """
        for possible in (code, 1000):
            try:
                await self._say({"type": "websocket.close", "code": possible, "reason": reason})
            except ClientGone:
                continue
            return

    async def _say(self, message: Message) -> None:
        try:
            await self._send(message)
        except Exception as error:
            # Each server has its own exception for a socket that is gone, and no common base.
            raise ClientGone from error
