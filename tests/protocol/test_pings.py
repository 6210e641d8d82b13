"""Pings and their pongs, against the library's own frames."""

import pytest
from websockets.frames import Frame, Opcode

from backend.protocol.pings import PAYLOAD_BYTES, due_s, is_masked_pong, ping_frame, pong_frame

PAYLOAD = b"\x00\x7f\x80\xff"
MASK = b"\x01\x02\x03\xf4"


def frame(opcode: Opcode, payload: bytes, *, is_masked: bool = False) -> bytes:
    return Frame(opcode, payload).serialize(mask=is_masked, extensions=[])


def test_frames_without_a_mask_are_the_librarys() -> None:
    assert len(PAYLOAD) == PAYLOAD_BYTES
    assert ping_frame(PAYLOAD) == frame(Opcode.PING, PAYLOAD)
    assert pong_frame(PAYLOAD) == frame(Opcode.PONG, PAYLOAD)


def test_a_masked_ping_is_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websockets.frames.secrets.token_bytes", lambda _: MASK)
    assert ping_frame(PAYLOAD, MASK) == frame(Opcode.PING, PAYLOAD, is_masked=True)


def test_the_awaited_pong_of_a_client_is_known() -> None:
    for _ in range(20):  # with as many masks
        assert is_masked_pong(frame(Opcode.PONG, PAYLOAD, is_masked=True), PAYLOAD)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        pong_frame(PAYLOAD),
        frame(Opcode.PONG, b"\x00\x7f\x80\xfe", is_masked=True),
        frame(Opcode.PONG, PAYLOAD[:3], is_masked=True),
        frame(Opcode.PONG, PAYLOAD + b"x", is_masked=True),
        frame(Opcode.PING, PAYLOAD, is_masked=True),
        frame(Opcode.TEXT, PAYLOAD, is_masked=True),
        frame(Opcode.PONG, PAYLOAD, is_masked=True)[:-1],
        frame(Opcode.PONG, PAYLOAD, is_masked=True) + b"\x81",
    ],
)
def test_nothing_else_is_the_awaited_pong(data: bytes) -> None:
    assert not is_masked_pong(data, PAYLOAD)


@pytest.mark.parametrize(
    ("now_s", "wait_s", "interval_s", "expected_s"),
    [
        (100.0, 15.0, 15.0, 115.0),
        (100.4, 15.0, 15.0, 115.0),
        (100.999, 15.0, 15.0, 115.0),
        (100.4, 14.7, 15.0, 115.0),
        (100.4, 0.2, 15.0, 100.4),
        (100.4, -0.5, 15.0, 100.4),
        (7.25, 0.5, 0.5, 7.5),
    ],
)
def test_a_ping_is_due_at_a_whole_second_and_never_late(
    now_s: float, wait_s: float, interval_s: float, expected_s: float
) -> None:
    assert due_s(now_s, wait_s, interval_s) == expected_s
