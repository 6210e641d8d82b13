"""nginx in front of the stack: what reaches a replica, what does not, and what a client reads."""

import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator

import pytest

from backend.wording import SENTENCES, Language
from tests.full_stack import FullStack
from tests.journeys.stack_client import (
    NO_REPLICA,
    SESSION,
    Client,
    burst,
    echoing,
    only_replica,
    until,
)

pytestmark = pytest.mark.stack

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.fixture
def client(full_stack: FullStack) -> Iterator[Client]:
    made = Client(full_stack)
    yield made
    made.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_http_leads_to_https(full_stack: FullStack, method: str) -> None:
    for port in (full_stack.http_port, full_stack.port):
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        plain.request(method, "/api/sessions/?search=x")
        response = plain.getresponse()
        plain.close()
        assert response.status == 308
        assert response.headers["Location"] == f"{full_stack.url}/api/sessions/?search=x"


def test_it_speaks_http_2(full_stack: FullStack) -> None:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", full_stack.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
    ):
        assert encrypted.selected_alpn_protocol() == "h2"
        assert encrypted.version() == "TLSv1.3"


@pytest.mark.parametrize(
    "path", ["/", "/api/config/", "/api/nothing/", "/admin/login/", "/static/app.css", "/metrics"]
)
def test_every_response_has_each_security_header_once(client: Client, path: str) -> None:
    response = client.send("GET", path)
    for name, value in SECURITY_HEADERS.items():
        assert response.headers.get_all(name) == [value], name
    for name in ("Content-Security-Policy", "Permissions-Policy", "X-Request-ID"):
        assert len(response.headers.get_all(name, [])) == 1, name
    assert "microphone=(self)" in response.headers["Permissions-Policy"]
    assert response.headers["Server"] == "nginx"


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/metrics/", "/metrics?x=1", "//metrics", "/%6detrics", "/api/../metrics"]
    + ["/readyz", "/authenticated"],
)
def test_what_operators_read_is_not_public(client: Client, path: str) -> None:
    response = client.send("GET", path)
    assert response.status == 404
    assert response.error == {"code": "not_found", "message": SENTENCES["not_found"]["en"]}


def test_without_a_replica_the_api_answers_in_its_own_shape(
    full_stack: FullStack, client: Client
) -> None:
    languages: tuple[Language, ...] = ("en", "ja")
    with only_replica(full_stack, NO_REPLICA, lambda answer: answer.status == 503):
        for language in languages:
            words = SENTENCES["unavailable"][language]
            accepted = {"Accept__Language": f"{language},en;q=0.5"}
            for path in ("/api/config/", f"/ws/realtime/{SESSION}/", "/v1/models"):
                response = client.send("GET", path, **accepted)
                assert response.status == 503
                assert response.error == {"code": "unavailable", "message": words}
            page = client.send("GET", "/", **accepted)
            assert (page.status, page.text) == (503, f"{words}\n")
            assert page.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_release_is_kept_while_no_replica_has_it(full_stack: FullStack, client: Client) -> None:
    page = client.send("GET", "/").text
    (path, *_) = re.findall(r'src="(/static/[^"]+)"', page)
    fresh = client.send("GET", path, Accept__Encoding="gzip, br")
    assert (fresh.status, fresh.headers["Content-Encoding"]) == (200, "gzip")
    assert "immutable" in fresh.headers["Cache-Control"]
    with echoing(full_stack):
        kept = client.send("GET", path, Accept__Encoding="deflate, gzip")
        assert client.send("GET", path).status == 404
    assert (kept.status, kept.headers["Content-Encoding"]) == (200, "gzip")
    assert kept.headers["Cache-Control"] == fresh.headers["Cache-Control"]


def test_a_clip_without_a_login_is_refused_before_it_is_sent(full_stack: FullStack) -> None:
    path = f"/api/sessions/{SESSION}/transcriptions/"
    for authorization in ("", "Token rubbish"):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", full_stack.port, timeout=20, context=ssl.create_default_context(),
            source_address=("127.0.1.30", 0),
        )  # fmt: skip
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(25 * 1024 * 1024))
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        if authorization:
            connection.putheader("Authorization", authorization)
        connection.endheaders(b"the beginning of a clip")
        response = connection.getresponse()
        body = json.loads(response.read())
        connection.close()
        assert (response.status, body["error"]["code"]) == (401, "not_authenticated")


def test_clips_of_one_address_are_limited(full_stack: FullStack) -> None:
    path = f"/api/sessions/{SESSION}/transcriptions/"
    responses = burst(full_stack, "127.0.1.31", 30, "POST", path)
    assert [response.status for response in responses[:21]] == [401] * 21
    assert responses[-1].status == 429


@pytest.mark.parametrize(
    ("path", "megabytes"),
    [
        (f"/api/sessions/{SESSION}/transcriptions/", 27),
        (f"/api/sessions/{SESSION}/messages/", 0.3),
        ("/api/sessions/", 4),
    ],
)
def test_a_body_over_the_paths_bound_is_refused_unread(
    full_stack: FullStack, path: str, megabytes: float
) -> None:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", full_stack.port, timeout=20, context=ssl.create_default_context(),
        source_address=("127.0.1.40", 0),
    )  # fmt: skip
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(int(megabytes * 1024 * 1024)))
    connection.endheaders()
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    assert response.status == 413
    assert body["error"] == {"code": "too_large", "message": SENTENCES["too_large"]["en"]}


def test_the_access_log_has_paths_and_ids_and_no_queries(
    full_stack: FullStack, client: Client
) -> None:
    client.send("GET", "/api/sessions/?search=himitsu", Authorization="Token " + "f" * 40)
    response = client.send("GET", "/api/config/?token=himitsu")
    request_id = response.headers["X-Request-ID"]
    until(lambda: request_id in full_stack.nginx_log())
    lines = [line for line in full_stack.nginx_log().splitlines() if line.startswith("{")]
    (line,) = (json.loads(line) for line in lines if request_id in line)
    assert (line["path"], line["status"], line["client"]) == ("/api/config/", "200", "127.0.0.1")
    assert line["upstream_status"] == "200"
    assert "himitsu" not in full_stack.log()
    assert "f" * 40 not in full_stack.log()
