"""An HTTP client of nginx, from an address of its own, and a replica that answers with headers."""

import contextlib
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.full_stack import FullStack

SESSION = "00000000-0000-0000-0000-000000000000"
ECHO_REPLICA, NO_REPLICA = 5, 6
"""Numbers of replicas: one that answers with the request's headers, and one that does not exist."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def error(self) -> dict[str, str]:
        assert self.headers["Content-Type"] == "application/json", self.text
        error: dict[str, str] = json.loads(self.text)["error"]
        return error


class Client:
    """One connection to nginx, from an address of its own, which the limits count."""

    def __init__(self, stack: FullStack, address: str = "127.0.0.1") -> None:
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", stack.port, timeout=20, source_address=(address, 0),
            context=ssl.create_default_context(),
        )  # fmt: skip

    def send(self, method: str, path: str, body: bytes = b"", /, **headers: str) -> Response:
        named = {name.replace("__", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body or None, named)
        response = self._connection.getresponse()
        return Response(response.status, response.headers, response.read().decode(errors="replace"))

    def close(self) -> None:
        self._connection.close()


def burst(stack: FullStack, address: str, count: int, method: str, path: str) -> list[Response]:
    """Send a request many times from this address, over one connection."""
    sender = Client(stack, address)
    try:
        return [sender.send(method, path, b"{}") for _ in range(count)]
    finally:
        sender.close()


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until `holds()`: nginx looks the name up again after a second."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Echo(BaseHTTPRequestHandler):
    """Answers with the request's headers as JSON; at `/api/broken/` it hangs up."""

    protocol_version = "HTTP/1.1"
    posts = 0

    def do_GET(self) -> None:
        if self.path.startswith("/static/"):
            return self._answer(404, b"")
        headers = [[name.lower(), value] for name, value in self.headers.items()]
        return self._answer(200, json.dumps(headers).encode())

    def do_POST(self) -> None:
        Echo.posts += 1
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path == "/api/broken/":
            self.close_connection = True
            return None
        return self.do_GET()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def replica_answering(stack: FullStack, client: Client) -> str:
    """Return the address and port of the replica that answers a request, from nginx's log."""
    request_id = client.send("GET", "/healthz").headers["X-Request-ID"]
    until(lambda: request_id in stack.nginx_log())
    lines = stack.nginx_log().splitlines()
    replica: str = next(json.loads(line) for line in lines if request_id in line)["replica"]
    return replica


@contextlib.contextmanager
def only_replica(
    stack: FullStack, number: int, is_seen: Callable[[Response], bool]
) -> Iterator[None]:
    """Let `web` have the address of this replica alone, until the end of the block.

    `is_seen` says by the answer to `/healthz` that nginx has noticed.
    """
    client = Client(stack)
    try:
        publish(stack, lambda: is_seen(client.send("GET", "/healthz")), number)
        yield
    finally:
        publish(stack, lambda: '"ok"' in client.send("GET", "/healthz").text, 1, 2)
        client.close()


def publish(stack: FullStack, is_seen: Callable[[], bool], *numbers: int) -> None:
    """Let `web` have the addresses of these replicas, and wait until all of nginx has noticed.

    Each worker of nginx remembers a name until the next second.
    """
    stack.publish_replicas(*numbers)
    forgotten_at = time.monotonic() + 1.1
    until(lambda: is_seen() and time.monotonic() > forgotten_at)


@contextlib.contextmanager
def echoing(stack: FullStack) -> Iterator[None]:
    """Let the only replica be one that answers with the request's headers."""
    address = (stack.replica_address(ECHO_REPLICA), stack.web_port)
    with ThreadingHTTPServer(address, Echo) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            with only_replica(stack, ECHO_REPLICA, lambda answer: answer.text.startswith("[[")):
                yield
        finally:
            server.shutdown()
            serving.join()
