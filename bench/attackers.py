"""The attacks of `make bench-attacks`, as clients with hand-made frames: one process runs one.

They come from 127.0.0.2, another address than that of the calls. Each runs until its time is up,
opens a new connection whenever the server has ended one, and counts what it did.
"""

import functools
import json
import os
import socket
import struct
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

ADDRESS = "127.0.0.2"
HALF_OPEN_CONNECTIONS = 2000
UNFINISHED_BYTES = 4 * 1024 * 1024
RECONNECTING_THREADS = 8
LOGIN_THREADS = 8
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Login:
    """A user of the attacker, with a session."""

    token: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Field:
    """What an attack knows: the server's port, its logins, and when it ends."""

    port: int
    logins: Sequence[Login]
    until_s: float
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until_s


def masked_frame(opcode: int, payload: bytes, *, is_last: bool) -> bytes:
    """A client's WebSocket frame; the mask is zero."""
    first = opcode | (0x80 if is_last else 0)
    if len(payload) < 126:
        head = struct.pack("!BB", first, 0x80 | len(payload))
    elif len(payload) < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, len(payload))
    return head + bytes(4) + payload


def connected(port: int) -> socket.socket:
    """A connection from the attacker's address."""
    connection = socket.socket()
    connection.settimeout(2)
    connection.bind((ADDRESS, 0))
    connection.connect(("127.0.0.1", port))
    return connection


def upgrade(port: int, session_id: str, ticket: str = "") -> bytes:
    """The head of a handshake; without a ticket it is refused after the upgrade."""
    offered = f", relay.ticket.{ticket}" if ticket else ""
    lines = [
        f"GET /ws/realtime/{session_id}/ HTTP/1.1", f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Sec-WebSocket-Protocol: realtime{offered}", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def ticket_of(port: int, login: Login) -> str:
    """Take a ticket; empty if the server gives none."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/realtime/tickets/")
    request.add_header("Authorization", f"Token {login.token}")
    request.add_header("Content-Type", "application/json")
    request.data = json.dumps({"session_id": login.session_id}).encode()
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            ticket: str = json.load(response)["ticket"]
            return ticket
    except OSError:
        return ""


def call_of(field: Field, login: Login) -> socket.socket:
    """A call that is ready. Raises OSError if the server does not open it."""
    ticket = ticket_of(field.port, login)
    if not ticket:
        time.sleep(0.2)
        raise ConnectionError
    connection = connected(field.port)
    connection.sendall(upgrade(field.port, login.session_id, ticket))
    seen = b""
    while b"relay.ready" not in seen:
        data = connection.recv(CHUNK_BYTES)
        if not data or b"relay.closing" in data:
            connection.close()
            time.sleep(0.2)
            raise ConnectionError
        seen += data
    field.counts["calls"] += 1
    return connection


def again(attack: Callable[[Field], None]) -> Callable[[Field], None]:
    """Run one attack after the other; the server's refusals end one each."""

    def run(field: Field) -> None:
        while not field.is_over:
            try:
                attack(field)
            except OSError:
                field.counts["cut off"] += 1

    return run


def in_threads(attack: Callable[[Field], None], threads: int) -> Callable[[Field], None]:
    """Run an attack several times at once."""

    def run(field: Field) -> None:
        running = [threading.Thread(target=attack, args=(field,)) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    return run


def send_without_end(field: Field, connection: socket.socket, frame: bytes) -> None:
    """Send one frame again and again as fast as the server takes it, and read what it answers."""
    many = frame * (CHUNK_BYTES // len(frame))
    is_open = threading.Event()
    is_open.set()

    def read() -> None:
        try:
            while connection.recv(CHUNK_BYTES):
                pass
        except OSError:
            pass
        is_open.clear()

    connection.settimeout(1)
    reading = threading.Thread(target=read)
    reading.start()
    try:
        while not field.is_over:
            try:
                sent = connection.send(many)
            except TimeoutError:
                continue
            if sent % len(frame):
                connection.settimeout(None)
                connection.sendall(many[sent : sent - sent % len(frame) + len(frame)])
                connection.settimeout(1)
            field.counts["frames"] += sent // len(frame)
    finally:
        connection.close()
        reading.join()


def refused_flood(field: Field) -> None:
    """Upgrade without a ticket, and send frames of 7 bytes after the refusal."""
    connection = connected(field.port)
    connection.sendall(upgrade(field.port, field.logins[0].session_id))
    field.counts["upgrades"] += 1
    send_without_end(field, connection, masked_frame(1, b"x", is_last=True))


def ping_flood(field: Field) -> None:
    """Open a call with a ticket, and send `relay.ping` as fast as possible."""
    ping = masked_frame(1, b'{"type":"relay.ping"}', is_last=True)
    send_without_end(field, call_of(field, field.logins[0]), ping)


def reconnect(field: Field) -> None:
    """Connect with a wrong ticket, be refused, and connect again."""
    with connected(field.port) as connection:
        connection.sendall(upgrade(field.port, field.logins[0].session_id, os.urandom(16).hex()))
        while data := connection.recv(CHUNK_BYTES):
            if b"relay.closing" in data:
                break
        field.counts["handshakes"] += 1


HALVES = (
    b"",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
    b"GET /ws/realtime/x/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ",
    b"POST /api/auth/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n",
)


def half_open(field: Field) -> None:
    """Hold thousands of connections with half a request, and send each a byte now and then."""
    held: list[socket.socket] = []
    try:
        while not field.is_over:
            while len(held) < HALF_OPEN_CONNECTIONS and not field.is_over:
                connection = connected(field.port)
                connection.sendall(HALVES[len(held) % len(HALVES)])
                connection.setblocking(False)
                held.append(connection)
            field.counts["connections"] += len(held)
            held = [connection for connection in held if dribble(connection)]
            time.sleep(0.2)
    finally:
        for connection in held:
            connection.close()


def dribble(connection: socket.socket) -> bool:
    """Send one byte; return False if the server has closed the connection."""
    try:
        if connection.recv(CHUNK_BYTES) == b"":
            raise ConnectionError
    except BlockingIOError:
        pass
    except OSError:
        connection.close()
        return False
    try:
        connection.send(b"x")
    except OSError:
        connection.close()
        return False
    return True


def empty_continuations(field: Field) -> None:
    """Begin a message in a call, and continue it with empty frames."""
    connection = call_of(field, field.logins[1])
    connection.sendall(masked_frame(1, b'{"', is_last=False))
    send_without_end(field, connection, masked_frame(0, b"", is_last=False))


def unfinished_message(field: Field, number: int) -> None:
    """Hold an unfinished message of 4 MB in a call, as far as the server takes it."""
    connection = call_of(field, field.logins[number])
    with connection:
        connection.sendall(masked_frame(1, b'{"', is_last=False))
        part = masked_frame(0, b"x" * 32_768, is_last=False)
        for _ in range(UNFINISHED_BYTES // 32_768):
            connection.sendall(part)
            field.counts["kilobytes"] += 32
        connection.settimeout(max(0.0, field.until_s - time.monotonic()))
        while connection.recv(CHUNK_BYTES):
            pass


def unfinished_messages(field: Field) -> None:
    """Hold an unfinished message in 20 calls at once."""
    calls = []
    for number in range(2, len(field.logins)):
        hold = again(functools.partial(unfinished_message, number=number))
        calls.append(threading.Thread(target=hold, args=(field,)))
        calls[-1].start()
    for call in calls:
        call.join()


def wrong_password(field: Field) -> None:
    """Log in with a wrong password; after a 429 wait a tenth of a second."""
    name = f"stranger-{threading.get_ident()}-{field.counts['logins']}"
    body = json.dumps({"username": name, "password": "not-the-password"}).encode()
    head = (
        f"POST /api/auth/login/ HTTP/1.1\r\nHost: 127.0.0.1:{field.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    with connected(field.port) as connection:
        connection.settimeout(30)
        connection.sendall(head.encode() + body)
        status = connection.recv(CHUNK_BYTES)[9:12].decode()
    field.counts["logins"] += 1
    field.counts[f"HTTP {status}"] += 1
    if status == "429":
        time.sleep(0.1)


ATTACKS: dict[str, Callable[[Field], None]] = {
    "refused flood": again(refused_flood),
    "ping flood": again(ping_flood),
    "reconnecting": in_threads(again(reconnect), RECONNECTING_THREADS),
    "half-open": again(half_open),
    "empty frames": again(empty_continuations),
    "unfinished 4 MB": unfinished_messages,
    "wrong passwords": in_threads(again(wrong_password), LOGIN_THREADS),
}
"""By name, in the order in which they are measured. `unfinished 4 MB` uses the third login and all
further ones, one call each."""
LOGINS = 22


def run_attack(
    name: str, port: int, logins: Sequence[Login], seconds: float, cores: set[int]
) -> Counter[str]:
    """Run one attack in this process, on these processor cores. Returns what it did."""
    if cores:
        os.sched_setaffinity(0, cores)
    field = Field(port, logins, time.monotonic() + seconds)
    ATTACKS[name](field)
    return field.counts
