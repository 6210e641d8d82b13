"""What the fast path of text frames (`protocol.text_frames`) uses of `websockets` beyond its API.

`requirements.txt` pins the version. Should another one parse in another way, `is_between_frames` is
never true, and every frame goes through the library.
"""

from typing import Any

from websockets.protocol import Protocol, State
from websockets.streams import StreamReader

try:
    from websockets.speedups import apply_mask as apply_mask
except ImportError:  # no wheel for this system
    from websockets.utils import apply_mask as apply_mask

_BETWEEN_FRAMES = StreamReader.at_eof.__code__


def is_between_messages(protocol: Protocol) -> bool:
    """Whether the connection is open and the next byte is the first of a message."""
    return (
        protocol.state is State.OPEN
        and protocol.current_size is None
        and not protocol.reader.buffer
        and is_between_frames(protocol)
    )


def is_between_frames(protocol: Protocol) -> bool:
    """Whether the parser waits for the first byte of a frame: 0.4 us.

    An empty buffer does not say so: the parser takes the head of a frame out of it in steps. The
    parser is a chain of generators, and the innermost one says where it waits.
    """
    parser: Any = protocol.parser
    while (inner := parser.gi_yieldfrom) is not None:
        parser = inner
    return parser.gi_code is _BETWEEN_FRAMES
