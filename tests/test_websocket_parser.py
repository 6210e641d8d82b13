"""Where the parser of `websockets` waits, byte by byte."""

from collections.abc import Callable

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from backend.websocket_parser import apply_mask, is_between_frames, is_between_messages


def client() -> Protocol:
    return ClientProtocol(parse_uri("ws://x/"), state=State.OPEN)


def server() -> Protocol:
    return ServerProtocol(state=State.OPEN)


@pytest.mark.parametrize("length", [0, 5, 126, 65_536])
@pytest.mark.parametrize("make", [client, server])
def test_it_is_between_frames_before_and_after_one_and_nowhere_in_it(
    make: Callable[[], Protocol], length: int
) -> None:
    protocol, is_masked = make(), make is server
    data = Frame(Opcode.TEXT, b"x" * length).serialize(mask=is_masked, extensions=[])
    heads = data[:20]
    assert is_between_frames(protocol)
    for place, byte in enumerate(heads, 1):
        protocol.receive_data(bytes([byte]))
        assert is_between_frames(protocol) is (place == len(data))
    protocol.receive_data(data[len(heads) :] + data + data[:1])
    assert not is_between_frames(protocol)
    protocol.receive_data(data[1:])
    assert is_between_messages(protocol)


def test_between_the_fragments_of_a_message_is_not_between_messages() -> None:
    protocol = client()
    protocol.receive_data(Frame(Opcode.TEXT, b"a", fin=False).serialize(mask=False, extensions=[]))
    assert is_between_frames(protocol)
    assert not is_between_messages(protocol)
    protocol.receive_data(Frame(Opcode.CONT, b"b").serialize(mask=False, extensions=[]))
    assert is_between_messages(protocol)


def test_a_connection_that_closes_is_not_between_messages() -> None:
    protocol = client()
    protocol.receive_data(Frame(Opcode.CLOSE, b"").serialize(mask=False, extensions=[]))
    assert not is_between_messages(protocol)


def test_a_mask_is_applied_and_taken_off() -> None:
    masked = apply_mask(b"hello", b"\x01\x02\x03\x04")
    assert masked != b"hello"
    assert apply_mask(masked, b"\x01\x02\x03\x04") == b"hello"
