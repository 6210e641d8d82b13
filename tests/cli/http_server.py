"""An HTTP server on loopback with fixed answers, for tests of the terminal client."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answers = Mapping[tuple[str, str], tuple[int, Any]]
"""By method and path: the status, and the body as JSON, bytes or the URL of a redirect."""


@dataclass(slots=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class FakeServer:
    """`requests` are those that came so far."""

    url: str
    requests: list[Request] = field(default_factory=list)


@contextmanager
def answering(answers: Answers) -> Iterator[FakeServer]:
    """Serve these answers; everything else is a 404 in our server's shape."""
    missing = (404, {"error": {"code": "not_found", "message": "Nothing here."}})

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            server.requests.append(
                Request(self.command, self.path, dict(self.headers.items()), body)
            )
            status, answer = answers.get((self.command, self.path), missing)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", str(answer))
                answer = b""
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = FakeServer(f"http://127.0.0.1:{listener.server_port}")
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
