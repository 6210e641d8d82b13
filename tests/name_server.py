"""A name server for the tests: every name has the same IPv4 addresses, which a test may change.

It stands in for Docker's, so that nginx finds replicas by a name, as it does there.
"""

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_HEADER = struct.Struct("!HHHHHH")
_QUESTION_END = struct.Struct("!HH")
_RECORD = struct.Struct("!HHHIH4s")
_RESPONSE = 0x8180
"""A response without an error; recursion was asked for and is available."""
_NAME_OF_THE_QUESTION = 0xC00C
_A, _IN = 1, 1
_TTL_S = 0
"""nginx, told to use it (`valid=0s`), then asks again in the next second."""


@dataclass(slots=True)
class NameServer:
    """`address` is where it listens, as `127.0.0.1:port`; `addresses` is what every name has."""

    address: str
    addresses: Sequence[str] = field(default_factory=tuple)


@contextmanager
def running_name_server() -> Iterator[NameServer]:
    """Answer on a free UDP port of 127.0.0.1 until the end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        server = NameServer(f"127.0.0.1:{listener.getsockname()[1]}")
        answering = threading.Thread(target=_answer_all, args=(listener, server), daemon=True)
        answering.start()
        try:
            yield server
        finally:
            # An empty datagram ends the thread; closing the socket would not wake it.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"", listener.getsockname())
            answering.join()


def _answer_all(listener: socket.socket, server: NameServer) -> None:
    while True:
        query, client = listener.recvfrom(512)
        if not query:
            return
        listener.sendto(answer(query, server.addresses), client)


def answer(query: bytes, addresses: Sequence[str]) -> bytes:
    """Return the response to a query with one question; for another type than A it is empty."""
    query_id = _HEADER.unpack_from(query)[0]
    name_end = query.index(b"\0", _HEADER.size) + 1
    kind, _ = _QUESTION_END.unpack_from(query, name_end)
    found = addresses if kind == _A else ()
    question = query[_HEADER.size : name_end + _QUESTION_END.size]
    records = (
        _RECORD.pack(_NAME_OF_THE_QUESTION, _A, _IN, _TTL_S, 4, socket.inet_aton(address))
        for address in found
    )
    return _HEADER.pack(query_id, _RESPONSE, 1, len(found), 0, 0) + question + b"".join(records)
