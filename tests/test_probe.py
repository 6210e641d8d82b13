"""The container's health check: 200 is healthy, and everything else is not."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from backend import probe


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers 200 to /healthz, and 503 otherwise."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()
        self.wfile.write(b'{"database": "away"}' if self.path == "/readyz" else b"{}")

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_server_that_answers_is_healthy(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main([], {"PORT": str(port)}) == 0
    assert capsys.readouterr().out == ""


def test_another_status_is_not(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main(["/readyz"], {"PORT": str(port)}) == 1
    assert capsys.readouterr().out == f"Port {port} answers /readyz with 503.\n"


def test_an_operator_sees_the_answer(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main(["--show", "/readyz"], {"PORT": str(port)}) == 1
    sentence = f"Port {port} answers /readyz with 503."
    assert capsys.readouterr().out == f'{{"database": "away"}}\n{sentence}\n'


def test_no_server_is_not(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    # Port 1 needs root and nothing listens there.
    assert probe.main([], {"PORT": "1"}) == 1
    assert capsys.readouterr().out == "Port 1 does not answer (ConnectionRefusedError).\n"
