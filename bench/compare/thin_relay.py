"""The thin relay of the comparison: an ASGI application that checks a token and passes messages.

    uvicorn bench.compare.thin_relay:application

What a relay in Python costs that decides and keeps nothing: uvicorn's `websockets-sansio` to the
client, the library `websockets` to the far end, messages passed as they are.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_AUTHORIZATION = f"Bearer {os.environ.get('THIN_TOKEN', '')}".encode()
_FAR_URL = os.environ.get("THIN_FAR_URL", "")


async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Relay one WebSocket."""
    if scope["type"] != "websocket":
        raise ValueError(f"not a WebSocket: {scope['type']}")
    await receive()
    if dict(scope["headers"]).get(b"authorization") != _AUTHORIZATION:
        await send({"type": "websocket.close", "code": 1008})
        return
    async with connect(_FAR_URL, compression=None, max_size=None) as upstream:
        await send({"type": "websocket.accept"})
        pump = asyncio.create_task(_to_client(upstream, send))
        await _to_upstream(receive, upstream)
        pump.cancel()


async def _to_upstream(receive: Receive, upstream: ClientConnection) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        try:
            await upstream.send(message["text"])
        except ConnectionClosed:
            return


async def _to_client(upstream: ClientConnection, send: Send) -> None:
    try:
        while True:
            await send({"type": "websocket.send", "text": await upstream.recv()})
    except ConnectionClosed:
        await send({"type": "websocket.close", "code": 1000})
