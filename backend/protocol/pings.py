"""Keepalive pings: when they are sent, their frames and those of their pongs (RFC 6455, 5.5). PURE.

An idle call is little else than its pings. `websockets` takes a task and several times as long for
one as its two frames need, so both ends of the relay write them here, and know the pong that they
wait for by its bytes.
"""

PAYLOAD_BYTES = 4
_PING = 0x89
_PONG = 0x8A
_MASKED = 0x80
_MASKED_PONG = bytes((_PONG, _MASKED | PAYLOAD_BYTES))
_MASKED_PONG_BYTES = len(_MASKED_PONG) + 2 * PAYLOAD_BYTES


def due_s(now_s: float, wait_s: float, interval_s: float) -> float:
    """When to send a ping that is due after `wait_s`: at a whole second, up to one earlier.

    So it is sent together with those of other connections: of 200 idle calls, to wake for each took
    more than the pings. With an interval below a second, at a multiple of that.
    """
    latest_s = now_s + max(0.0, wait_s)
    return max(now_s, latest_s - latest_s % min(1.0, interval_s))


def ping_frame(payload: bytes, mask: bytes = b"") -> bytes:
    """A ping with these four bytes; with its mask, if it has one."""
    if not mask:
        return bytes((_PING, PAYLOAD_BYTES)) + payload
    return bytes((_PING, _MASKED | PAYLOAD_BYTES)) + mask + _masked(payload, mask)


def pong_frame(payload: bytes) -> bytes:
    """The pong to the ping with these four bytes, as a server sends it: without a mask."""
    return bytes((_PONG, PAYLOAD_BYTES)) + payload


def is_masked_pong(data: bytes, payload: bytes) -> bool:
    """Whether these bytes are the pong to the ping with these four, as a client sends it."""
    if len(data) != _MASKED_PONG_BYTES or not data.startswith(_MASKED_PONG):
        return False
    return _masked(data[-PAYLOAD_BYTES:], data[2:-PAYLOAD_BYTES]) == payload


def _masked(payload: bytes, mask: bytes) -> bytes:
    """These four bytes, masked or unmasked."""
    return bytes(one ^ other for one, other in zip(payload, mask, strict=True))
