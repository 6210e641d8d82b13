"""A WebSocket in plain asyncio that costs the bench little, so that it measures the relay.

Frames are made once and sent as bytes; of a received frame only the first bytes are read. The
`websockets` library takes 20 to 30 µs a frame, as much as some of the relays that are compared.
Only what the bench needs: whole text messages, pings, closes. RFC 6455.
"""

import asyncio
import base64
import hashlib
import os
import struct
from typing import Any, cast

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_FINAL = 0x80
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NORMAL_CLOSURE = struct.pack("!H", 1000)


def frame(payload: bytes, *, is_masked: bool, opcode: int = TEXT) -> bytes:
    """Return an unfragmented frame. The mask of a client's frame is zero: the payload stays."""
    mask_bit = 0x80 if is_masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", _FINAL | opcode, mask_bit | len(payload))
    elif len(payload) < 65_536:
        head = struct.pack("!BBH", _FINAL | opcode, mask_bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", _FINAL | opcode, mask_bit | 127, len(payload))
    return head + (bytes(4) if is_masked else b"") + payload


def unmasked(masked: bytes, mask: bytes) -> bytes:
    """Remove the mask; an empty `mask` leaves the bytes as they are."""
    if not mask or mask == b"\0\0\0\0":
        return masked
    size = len(masked)
    repeated = (mask * (size // 4 + 1))[:size]
    plain = int.from_bytes(masked, "little") ^ int.from_bytes(repeated, "little")
    return plain.to_bytes(size, "little")


class Refused(Exception):
    """The handshake was answered with another status than 101."""


class Endpoint(asyncio.Protocol):
    """One side of a WebSocket. `frames_received` counts the text messages.

    Subclasses say what the handshake is, and get each message by `message_received`.
    """

    is_client = False

    def __init__(self) -> None:
        self.frames_received = 0
        self.is_open = False
        self.is_paused = False
        """The other side does not read: what is written is kept here."""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rest = b""
        self._is_closing = False
        self._transport: asyncio.Transport | None = None

    # For subclasses

    def head_received(self, head: bytes) -> None:
        """The other side's half of the handshake has come."""

    def message_received(self, data: bytes, start: int, size: int, mask: bytes) -> None:
        """A text message has come: `size` bytes of `data` from `start` on, under `mask`."""

    # For users

    def write(self, data: bytes) -> None:
        """Send bytes that are whole frames."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Start the closing handshake. `closed` is done when the connection is gone."""
        if not self._is_closing:
            self._is_closing = True
            self.write(frame(_NORMAL_CLOSURE, is_masked=self.is_client, opcode=CLOSE))

    def end(self) -> None:
        """Close the connection once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    # For asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own class is not a subclass of asyncio.Transport.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        if not self.is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self._rest = b""
            self.is_open = True
            self.head_received(head)
        self._rest = data[self._read_frames(data) :]

    def _read_frames(self, data: bytes) -> int:
        """Read all whole frames. Returns where the rest begins."""
        at, end = 0, len(data)
        while end - at >= 2:
            size = data[at + 1] & 0x7F
            start = at + 2
            if size == 126:
                size = int.from_bytes(data[start : start + 2], "big")
                start += 2
            elif size == 127:
                size = int.from_bytes(data[start : start + 8], "big")
                start += 8
            mask = b""
            if data[at + 1] & 0x80:
                mask = data[start : start + 4]
                start += 4
            # A head that is cut gives a size that is too small, but `start` is beyond the end then.
            if start + size > end or start > end:
                break
            self._frame_received(data[at], data, start, size, mask)
            at = start + size
        return at

    def _frame_received(self, first: int, data: bytes, start: int, size: int, mask: bytes) -> None:
        if first == _FINAL | TEXT:
            self.frames_received += 1
            self.message_received(data, start, size, mask)
            return
        opcode = first & 0x0F
        payload = unmasked(data[start : start + size], mask)
        if opcode == PING:
            self.write(frame(payload, is_masked=self.is_client, opcode=PONG))
        elif opcode == CLOSE:
            self.close()
            if not self.is_client:
                self.end()
        elif opcode != PONG:
            raise ValueError(f"a frame that the bench does not read: {first:#x}")


class ServerEndpoint(Endpoint):
    """The far end's side: it accepts every handshake, and answers other requests with 404."""

    def head_received(self, head: bytes) -> None:
        headers = headers_of(head)
        key = headers.get(b"sec-websocket-key")
        if key is None:
            # LiteLLM asks for models.
            self.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.end()
            return
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        lines = [
            b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + accept,
        ]  # fmt: skip
        offered = [word.strip() for word in headers.get(b"sec-websocket-protocol", b"").split(b",")]
        if b"realtime" in offered:
            lines.append(b"Sec-WebSocket-Protocol: realtime")
        self.write(b"\r\n".join(lines) + b"\r\n\r\n")
        self.accepted()

    def accepted(self) -> None:
        """The connection is open."""


class ClientEndpoint(Endpoint):
    """The load's side. `opened` is done after the handshake, or raises Refused."""

    is_client = True

    def __init__(self, host: str, path: str, headers: dict[str, str]) -> None:
        super().__init__()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request_head(host, path, headers)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.write(self._request)

    def head_received(self, head: bytes) -> None:
        if head.split(b" ", 2)[1] == b"101":
            self.opened.set_result(None)
            return
        self.opened.set_exception(Refused(head.decode("latin-1").splitlines()[0]))
        self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if not self.opened.done():
            self.opened.set_exception(Refused("the connection was closed"))


def request_head(host: str, path: str, headers: dict[str, str]) -> bytes:
    """Return a client's handshake."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode()


def headers_of(head: bytes) -> dict[bytes, bytes]:
    """Return the headers of an HTTP head, by their names in lower case."""
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}


async def listen(make: Any, port: int) -> asyncio.Server:
    """Listen on a port of 127.0.0.1; `make` returns a ServerEndpoint for each connection."""
    return await asyncio.get_running_loop().create_server(make, "127.0.0.1", port, backlog=512)
