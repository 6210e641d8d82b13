"""The consumer, up to the point where the relay runs the call."""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.db import InterfaceError, InternalError, OperationalError

from backend.accounts import tickets, tokens
from backend.conversations.database_executor import DatabaseExecutor, DatabaseSlow
from backend.conversations.models import Call, Session
from backend.gateway.routing import router
from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamRefused
from backend.runtime import Runtime
from backend.upstream.providers.interface import Provider
from backend.upstream.target import Target
from backend.wording import sentence

RunInDatabase = Callable[..., Awaitable[Any]]

OWN_ORIGIN = (b"origin", b"http://127.0.0.1:8000")

pytestmark = pytest.mark.django_db(transaction=True)


class Gateway:
    """The gateway with a provider that refuses every connection and records each attempt."""

    def __init__(self) -> None:
        self.dialled: list[Target] = []
        self.runtime = Runtime(self._connect)
        self._application = router(lambda: self.runtime)

    async def _connect(self, _: Provider, target: Target) -> Any:
        self.dialled.append(target)
        raise UpstreamRefused("invalid_api_key", status=401)

    def client(
        self,
        session_id: Any,
        *headers: tuple[bytes, bytes],
        offers: tuple[str, ...] = ("realtime",),
        query: str = "",
    ) -> WebsocketCommunicator:
        return WebsocketCommunicator(
            self._application,
            f"/ws/realtime/{session_id}/{query}",
            headers=[(b"host", b"127.0.0.1:8000"), *headers],
            subprotocols=list(offers),
        )


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    yield gateway
    await gateway.runtime.stop(2)


@pytest.fixture
def session(transactional_db: None) -> Session:
    user = User.objects.create_user("owner")
    tokens.key_for(user)
    return Session.objects.create(user=user, language="ja")


@pytest.fixture
def token(session: Session) -> str:
    return tokens.key_for(session.user)


@pytest.fixture
def ticket(session: Session) -> str:
    return tickets.issue(session.user_id, session.pk).ticket


async def events_and_close_code(
    client: WebsocketCommunicator,
) -> tuple[list[dict[str, Any]], int]:
    """Connect and read until the close."""
    connected, subprotocol = await client.connect()
    assert connected
    assert subprotocol in ("realtime", None)
    events: list[dict[str, Any]] = []
    while True:
        output = await client.receive_output(5)
        if output["type"] == "websocket.close":
            await client.wait(5)
            return events, output["code"]
        events.append(json.loads(output["text"]))


async def test_a_foreign_origin_is_refused_before_the_accept(
    gateway: Gateway,
    session: Session,
    ticket: str,
    db_read: RunInDatabase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = gateway.client(
        session.pk,
        (b"origin", b"https://evil.example"),
        offers=("realtime", f"relay.ticket.{ticket}"),
    )
    with caplog.at_level(logging.WARNING):
        connected, _ = await client.connect()
    assert not connected
    (fields,) = (vars(record)["fields"] for record in caplog.records)
    assert (fields["code"], fields["origin"]) == ("origin_foreign", "https://evil.example")
    assert fields["host"] == "127.0.0.1:8000"
    assert gateway.dialled == []
    # The ticket was not used up.
    assert await db_read(tickets.take, ticket, session.pk) == session.user_id


REFUSALS: list[tuple[dict[str, Any], str, int]] = [
    ({}, "ticket_missing", 4401),
    ({"offers": ("realtime", "relay.ticket.wrong")}, "ticket_invalid", 4401),
    ({"query": "?token=abc"}, "token_in_url", 4401),
    # A proxy has removed Sec-WebSocket-Protocol.
    ({"offers": ()}, "subprotocol_missing", 4401),
]


@pytest.mark.parametrize(("options", "code", "close_code"), REFUSALS)
async def test_without_a_valid_credential_the_refusal_says_why_and_no_call_is_opened(
    gateway: Gateway,
    session: Session,
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
    code: str,
    close_code: int,
) -> None:
    with caplog.at_level(logging.WARNING):
        events, closed = await events_and_close_code(
            gateway.client(session.pk, OWN_ORIGIN, **options)
        )
    assert [event["type"] for event in events] == ["relay.error", "relay.closing"]
    assert events[0]["code"] == code
    assert closed == events[1]["code"] == close_code
    assert gateway.dialled == []
    assert code in [vars(record)["fields"]["code"] for record in caplog.records]


async def test_a_strangers_session_is_forbidden(
    gateway: Gateway, session: Session, token: str
) -> None:
    header = (b"authorization", f"Token {token}".encode())
    events, closed = await events_and_close_code(gateway.client(uuid4(), header))
    assert (events[0]["code"], closed) == ("session_unknown", 4403)
    assert gateway.dialled == []


async def test_a_cookie_is_no_credential(gateway: Gateway, session: Session, token: str) -> None:
    events, _ = await events_and_close_code(
        gateway.client(session.pk, OWN_ORIGIN, (b"cookie", f"token={token}".encode()))
    )
    assert events[0]["code"] == "ticket_missing"


async def test_a_ticket_opens_a_call_in_the_sessions_language(
    gateway: Gateway, session: Session, ticket: str, db_read: RunInDatabase
) -> None:
    offers = ("realtime", f"relay.ticket.{ticket}")
    events, closed = await events_and_close_code(
        gateway.client(session.pk, OWN_ORIGIN, offers=offers)
    )
    assert events[0]["message"] == sentence("provider_refused", "ja")
    assert closed == 4502
    assert len(gateway.dialled) == 1
    assert await db_read(endings, session.pk) == ["provider_refused"]


async def test_a_token_in_a_header_opens_a_call_without_an_origin(
    gateway: Gateway, session: Session, token: str
) -> None:
    _, closed = await events_and_close_code(
        gateway.client(session.pk, (b"authorization", f"Bearer {token}".encode()), offers=())
    )
    assert closed == 4502
    assert len(gateway.dialled) == 1


async def test_a_client_that_disconnects_before_the_accept_leaves_no_call(
    gateway: Gateway, session: Session
) -> None:
    client = gateway.client(session.pk, OWN_ORIGIN)
    await client.send_input({"type": "websocket.disconnect", "code": 1006})
    await client.wait(5)
    assert gateway.runtime.live.count == 0


async def test_an_unexpected_error_during_admission_is_reported_as_internal(
    gateway: Gateway, session: Session, ticket: str, caplog: pytest.LogCaptureFixture
) -> None:
    # A stopped runtime has closed its database threads, so authentication raises RuntimeError.
    await gateway.runtime.stop(2)
    offers = ("realtime", f"relay.ticket.{ticket}")
    events, closed = await events_and_close_code(
        gateway.client(session.pk, OWN_ORIGIN, offers=offers)
    )
    assert (events[0]["code"], closed) == ("internal", 4500)
    assert "admission.failed" in caplog.text


class UnavailableRuntime(Runtime):
    """Its database raises `error` whenever a call is to be served."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def serve_call(self, *arguments: Any) -> Ending:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [DatabaseSlow(), OperationalError("x"), InterfaceError("x"), InternalError("x")],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_does_not_answer_is_reported_as_unavailable(
    session: Session, error: Exception
) -> None:
    gateway = Gateway()
    gateway.runtime = UnavailableRuntime(error)
    events, closed = await events_and_close_code(
        gateway.client(session.pk, OWN_ORIGIN, offers=("realtime", "relay.ticket.any"))
    )
    assert (events[0]["code"], events[0]["retryable"]) == ("unavailable", True)
    assert events[0]["message"] == sentence("unavailable", "en")
    assert (closed, events[1]["retryable"]) == (4500, True)


def endings(session_id: UUID) -> list[str]:
    return list(Call.objects.filter(session_id=session_id).values_list("ending", flat=True))


@pytest.fixture
async def db_read() -> AsyncIterator[RunInDatabase]:
    executor = DatabaseExecutor(threads=1)
    yield executor.run
    executor.close()
