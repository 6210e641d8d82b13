"""HTTP connections to a real server: slow heads and bodies, and too many of them."""

import asyncio
import gc
import json
import socket
import struct
import time
import weakref
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from backend.serving.connection_limits import ConnectionCounter, ConnectionLimits
from backend.serving.http_protocol import RequestTimeouts, http_protocol
from backend.serving.websocket_protocol import BoundedWebSocketProtocol
from backend.wording import sentence
from tests.serving.equipment import open_stuck_reader, server_process, wait_until
from tests.serving.test_websocket_protocol import HANDSHAKE, Application, Transport

pytestmark = pytest.mark.slow

HEAD = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


async def answer(reader: asyncio.StreamReader) -> tuple[int, object]:
    """Read a response to the end of the connection. Returns its status and its JSON."""
    head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def error(code: str) -> object:
    return {"error": {"code": code, "message": sentence(code, "en")}}


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_never_ends_is_answered_408(sent: bytes) -> None:
    async with server_process("--head-s", "0.3") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)
        assert await answer(reader) == (408, error("malformed"))
        writer.close()
        await wait_until(lambda: server.open_socket_count() == 1, 3)


async def test_the_next_head_of_a_kept_connection_has_the_same_time() -> None:
    async with server_process("--head-s", "0.3") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(b"GET / HTTP/1.1\r\n")
        assert await answer(reader) == (408, error("malformed"))
        writer.close()


@pytest.mark.parametrize("limit", [("--body-pause-s", "0.3"), ("--body-s", "0.3")])
async def test_a_body_that_stops_is_answered_408(limit: tuple[str, str]) -> None:
    async with server_process(*limit) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD + b"ab")
        assert await answer(reader) == (408, error("malformed"))
        writer.close()


@pytest.mark.parametrize("limit", ["--body-pause-s", "--body-s"])
async def test_a_pipelined_body_that_stops_is_answered_408(limit: str) -> None:
    async with server_process(limit, "0.3") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD + b"abcd" + HEAD + b"ab")
        await reader.readuntil(b"0\r\n\r\n")
        assert await answer(reader) == (408, error("malformed"))
        writer.close()


async def test_a_body_that_comes_slowly_is_read() -> None:
    async with server_process("--body-pause-s", "0.5") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD)
        for byte in (b"a", b"b", b"c", b"d"):
            writer.write(byte)
            await asyncio.sleep(0.2)
        assert b"abcd" in await reader.readuntil(b"0\r\n\r\n")
        writer.close()


async def test_a_long_call_is_not_closed_by_the_limits_of_requests() -> None:
    async with (
        server_process("--head-s", "0.2", "--body-pause-s", "0.2") as server,
        server.connect("/reply") as client,
    ):
        await asyncio.sleep(0.5)
        await client.send("still here")
        assert await client.recv() == "still here"


async def test_what_is_no_http_is_answered_in_the_apis_shape() -> None:
    async with server_process() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert await answer(reader) == (400, error("malformed"))
        writer.close()


@pytest.mark.parametrize("rest", [b"no chunk\r\n", b""])
async def test_a_request_with_a_response_gets_no_second_one(rest: bytes) -> None:
    async with server_process("--body-pause-s", "0.3") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(rest)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_connections_over_the_limit_are_refused_until_others_close() -> None:
    async with server_process("--most-per-address", "3") as server:
        # One of them a call: it counts until it ends.
        calls = [await open_stuck_reader(server.port, "/reply") for _ in range(2)]
        idle = await asyncio.open_connection("127.0.0.1", server.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await answer(reader) == (503, error("unavailable"))
        writer.close()
        calls[0].close()
        await server.printed("ended")
        async with server.connect("/reply") as client:
            await client.send("ping")
            assert await client.recv() == "ping"
        idle[1].close()
        calls[1].close()


async def test_a_connection_that_is_reset_before_it_begins_is_counted_out() -> None:
    async with server_process("--most-per-address", "2", "--new-at-once", "1") as server:
        for _ in range(3):
            # A load balancer's check of the port ends in this way.
            with socket.create_connection(("127.0.0.1", server.port)) as reset:
                reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        async with asyncio.timeout(5):
            while not await is_served(server.port):
                pass


async def is_served(port: int) -> bool:
    """Send a request on a connection of its own. Returns whether the answer is 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    try:
        return b"200" in await reader.readline()
    except ConnectionResetError:
        # It was refused before the request was read.
        return False
    finally:
        writer.close()


async def test_connections_that_come_too_fast_are_answered_in_turn() -> None:
    async with server_process("--new-per-s", "10", "--new-at-once", "1") as server:
        began = time.monotonic()
        pairs = []
        for _ in range(4):
            pairs.append(await asyncio.open_connection("127.0.0.1", server.port))
            pairs[-1][1].write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for reader, writer in pairs:
            assert b"200" in await asyncio.wait_for(reader.readline(), 5)
            writer.close()
        assert time.monotonic() - began >= 0.3


class UpgradedTransport(Transport):
    """A transport that knows its protocol."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol


async def test_a_websocket_keeps_its_place_and_not_the_parser_of_its_request() -> None:
    counter = ConnectionCounter(ConnectionLimits(2, 2))
    closed: list[str] = []
    close = counter.close
    counter.close = lambda address: (closed.append(address), close(address))[1]  # type: ignore[method-assign, func-returns-value]
    kind: Any = http_protocol(counter, RequestTimeouts())
    application = Application()
    config = uvicorn.Config(
        application,
        lifespan="off",
        ws=cast(Any, BoundedWebSocketProtocol),
        ws_per_message_deflate=False,
    )
    config.load()
    config.loaded_app = application
    transport = UpgradedTransport()
    transport.protocol = http = kind(config, ServerState(), {})
    http.connection_made(transport)
    http.data_received(HANDSHAKE)
    upgraded = transport.protocol
    assert isinstance(upgraded, BoundedWebSocketProtocol)
    parser = weakref.ref(http)
    del http
    gc.collect()
    assert parser() is None
    assert closed == []
    upgraded.connection_lost(None)
    assert len(closed) == 1
    application.is_over.set()
