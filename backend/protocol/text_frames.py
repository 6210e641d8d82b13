"""WebSocket frames of the common kind: a whole text message in one frame (RFC 6455, 5.2). PURE.

Nearly every frame of a call is one. `websockets` takes about 20 us to read or write a frame: it can
resume anywhere, and joins, checks and logs all kinds. Both ends of the relay handle this kind here,
in about 3 us, and leave every other one to the library: fragments, control frames, binary ones,
those that are too large, malformed or not UTF-8.
"""

import struct
from collections.abc import Callable

DIRECT_TEXT = "kaiwa.direct_text"
"""The extension of a WebSocket's ASGI scope that is its `relay.ports.DirectClient`."""

_TEXT = 0x81
"""The first byte: the only frame of its message, no extension, text."""
_MASKED = 0x80
_LENGTH_IN_2 = 126
_LENGTH_IN_8 = 127
MASK_BYTES = 4


Extent = tuple[int, int]
"""Where a frame's payload begins and ends in the bytes that were read; the end may be later."""


TextTaker = Callable[[str, bytes], bool]
"""Is given a text, and its whole frame as it came, if that has no mask; else empty. Returns whether
it takes the text."""


def text_extent(data: bytes | memoryview, start: int, *, is_masked: bool) -> Extent | None:
    """The extent of the text frame that begins at `start`.

    If `is_masked`, the four bytes before the payload are its mask. None if another kind of frame
    begins there, if its head is not whole, or if its length is not written in the shortest way,
    which a browser refuses.
    """
    size = len(data)
    if size - start < 2 or data[start] != _TEXT:
        return None
    length, payload = data[start + 1], start + 2
    if (length >= _MASKED) is not is_masked:
        return None
    length &= _MASKED - 1
    if length == _LENGTH_IN_2:
        payload += 2
        if size < payload:
            return None
        length = data[payload - 2] << 8 | data[payload - 1]
        if length < _LENGTH_IN_2:
            return None
    elif length == _LENGTH_IN_8:
        payload += 8
        if size < payload:
            return None
        length = int.from_bytes(data[payload - 8 : payload], "big")
        if length < 1 << 16:
            return None
    if is_masked:
        payload += MASK_BYTES
    return payload, payload + length


def text_head(length: int, mask: bytes = b"") -> bytes:
    """The head of a text frame with a payload of this many bytes; with its mask, if it has one."""
    flag = _MASKED if mask else 0
    if length < _LENGTH_IN_2:
        return bytes((_TEXT, flag | length)) + mask
    if length < 1 << 16:
        return struct.pack("!BBH", _TEXT, flag | _LENGTH_IN_2, length) + mask
    return struct.pack("!BBQ", _TEXT, flag | _LENGTH_IN_8, length) + mask
