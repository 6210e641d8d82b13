"""nginx's headers to a replica and its limits per address, seen by a replica that only echoes."""

import json
from collections.abc import Iterator

import pytest

from backend.wording import SENTENCES
from tests.full_stack import FullStack
from tests.journeys.stack_client import SESSION, Client, Echo, burst, echoing

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module", autouse=True)
def _echo(full_stack: FullStack) -> Iterator[None]:
    """The only replica of this module answers with the request's headers."""
    with echoing(full_stack):
        yield


@pytest.fixture
def echo(full_stack: FullStack) -> Iterator[Client]:
    made = Client(full_stack)
    yield made
    made.close()


def test_a_client_cannot_choose_what_the_replica_trusts(
    full_stack: FullStack, echo: Client
) -> None:
    response = echo.send(
        "GET", "/api/x/",
        X__Forwarded__For="203.0.113.9",
        X__Forwarded__Proto="http",
        X__Forwarded__Host="evil.example",
        X__Real__IP="203.0.113.9",
        X__Request__ID="mine",
        Forwarded="for=203.0.113.9",
        Daphne__Root__Path="/evil",
        X_Forwarded_For="203.0.113.9",
        Connection="Upgrade, HTTP2-Settings",
        Upgrade="h2c",
        Accept__Encoding="br, gzip;q=0.5",
    )  # fmt: skip
    headers = json.loads(response.text)
    assert len({name for name, _ in headers}) == len(headers)
    assert dict(headers) == {
        "host": f"127.0.0.1:{full_stack.port}",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "https",
        "x-request-id": response.headers["X-Request-ID"],
        "connection": "close",
        "accept-encoding": "gzip",
    }
    assert len(response.headers["X-Request-ID"]) == 32


def test_a_request_that_may_have_been_carried_out_is_not_sent_again(echo: Client) -> None:
    before = Echo.posts
    response = echo.send("POST", "/api/broken/", b"{}")
    assert (response.status, response.error["code"]) == (503, "unavailable")
    assert Echo.posts == before + 1


@pytest.mark.parametrize(
    ("address", "allowed", "method", "path"),
    [
        ("127.0.1.1", 31, "POST", "/api/auth/login/"),
        ("127.0.1.2", 31, "POST", "/api/auth/register/"),
        ("127.0.1.3", 31, "POST", "/admin/login/"),
        ("127.0.1.4", 201, "POST", "/api/realtime/tickets/"),
        ("127.0.1.5", 201, "GET", f"/ws/realtime/{SESSION}/"),
        ("127.0.1.6", 201, "GET", "/v1/realtime"),
    ],
)
def test_a_flood_from_one_address_is_refused_and_from_no_other(
    full_stack: FullStack, echo: Client, address: str, allowed: int, method: str, path: str
) -> None:
    responses = burst(full_stack, address, allowed + 40, method, path)
    passed = sum(response.status == 200 for response in responses)
    assert allowed <= passed < allowed + 40
    refused = next(response for response in responses if response.status != 200)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
    assert refused.error == {"code": "throttled", "message": SENTENCES["throttled"]["en"]}
    assert refused.headers.get_all("X-Frame-Options") == ["DENY"]
    assert echo.send(method, path, b"{}").status == 200


def test_reading_the_login_page_is_not_counted(full_stack: FullStack) -> None:
    responses = burst(full_stack, "127.0.1.20", 60, "GET", "/admin/login/")
    assert {response.status for response in responses} == {200}
