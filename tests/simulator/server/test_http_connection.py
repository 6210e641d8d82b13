"""HTTP and WebSocket on one port: how the bytes of a control request are read."""

import asyncio

import pytest

from backend.simulator.server.http_messages import content_length
from backend.simulator.server.server import Simulator
from tests.simulator.server.client import CHEAP, call, http, until


async def test_the_control_api_and_a_call_share_a_port() -> None:
    async with Simulator(CHEAP).serve() as running, call(running) as socket:
        await until(socket, "session.created")
        assert (await http(running, "GET", "/simulator/calls"))[0] == 200


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"POST / HTTP/1.1", 0),
        (b"POST / HTTP/1.1\r\nContent-Length:  12\t", 12),
        (b"POST / HTTP/1.1\r\ncontent-length: 012", 12),
        (b"POST / HTTP/1.1\r\nContent-Length: -1", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: \xb2", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: \x0b5", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000, 10**9),
    ],
)
def test_the_content_length_is_a_number_in_ascii_digits(head: bytes, length: int) -> None:
    assert content_length(head) == length


async def test_a_body_that_is_announced_too_large_ends_the_connection() -> None:
    async with Simulator(CHEAP).serve() as running:
        host, port = running.base_url.removeprefix("http://").removesuffix("/v1").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /simulator/mishaps HTTP/1.1\r\nContent-Length: " + b"9" * 5_000)
        writer.write(b"\r\n\r\n")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
