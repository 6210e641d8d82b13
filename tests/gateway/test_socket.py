"""The client's WebSocket over ASGI."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from backend.gateway.socket import ClientSocket, Message
from backend.relay.ports import ClientGone


class FakeServer:
    """An ASGI server's two callables.

    `send` raises for the message types and close codes in `refuses`.
    """

    def __init__(self, *messages: Message, refuses: Iterable[Any] = ()) -> None:
        self.messages = list(messages)
        self.sent: list[Message] = []
        self.refuses = tuple(refuses)

    async def receive(self) -> Message:
        return self.messages.pop(0)

    async def send(self, message: Message) -> None:
        if message["type"] in self.refuses or message.get("code") in self.refuses:
            raise RuntimeError("Unexpected ASGI message, or an invalid close code")
        self.sent.append(message)

    def socket(self) -> ClientSocket:
        return ClientSocket(self.receive, self.send)


async def test_text_and_bytes_are_received_unchanged() -> None:
    server = FakeServer(
        {"type": "websocket.receive", "text": "hi"},
        {"type": "websocket.receive", "text": "", "bytes": None},
        {"type": "websocket.receive", "text": None, "bytes": b"\0"},
        {"type": "websocket.receive", "bytes": b""},
        {"type": "websocket.disconnect", "code": 1006},
    )
    socket = server.socket()
    assert [await socket.receive() for _ in range(4)] == ["hi", "", b"\0", b""]
    with pytest.raises(ClientGone):
        await socket.receive()


async def test_a_client_that_has_left_is_known_to_without_waiting() -> None:
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    socket = ClientSocket(arrived.get, FakeServer().send)
    assert not await socket.has_left()
    arrived.put_nowait({"type": "websocket.receive", "text": "one"})
    assert not await socket.has_left()
    arrived.put_nowait({"type": "websocket.receive", "text": "two"})
    arrived.put_nowait({"type": "websocket.disconnect", "code": 1006})
    assert await socket.has_left()
    assert [await socket.receive() for _ in range(2)] == ["one", "two"]
    with pytest.raises(ClientGone):
        await socket.receive()


async def test_accept_send_and_close_are_asgi_messages() -> None:
    server = FakeServer()
    socket = server.socket()
    await socket.accept("realtime")
    await socket.send("hi")
    await socket.close(4409, "taken_over")
    assert server.sent == [
        {"type": "websocket.accept", "subprotocol": "realtime"},
        {"type": "websocket.send", "text": "hi"},
        {"type": "websocket.close", "code": 4409, "reason": "taken_over"},
    ]


async def test_any_error_of_the_servers_send_is_client_gone() -> None:
    socket = FakeServer(refuses=["websocket.send"]).socket()
    with pytest.raises(ClientGone):
        await socket.send("hi")


async def test_a_close_code_the_server_refuses_becomes_1000() -> None:
    server = FakeServer(refuses=[1012])
    await server.socket().close(1012, "draining")
    assert [message["code"] for message in server.sent] == [1000]


async def test_closing_a_closed_socket_does_nothing() -> None:
    server = FakeServer(refuses=["websocket.close"])
    await server.socket().close(1000, "client_left")
    assert server.sent == []
