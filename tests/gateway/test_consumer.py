"""The WebSocket's door, up to the point where the relay takes over."""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User

from backend.accounts import tickets, tokens
from backend.accounts.credentials import Credential
from backend.conversations.executor import DatabaseExecutor, DatabaseSlow
from backend.conversations.models import Call, Session
from backend.gateway.routing import router
from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamRefused
from backend.relay.ports import ClientConnection
from backend.runtime import Runtime
from backend.upstream.target import Target
from backend.wording import sentence

Ask = Callable[..., Awaitable[Any]]

HERE = (b"origin", b"http://127.0.0.1:8000")

pytestmark = pytest.mark.django_db(transaction=True)


class Door:
    """The gateway in front of a provider that refuses every call and remembers being asked."""

    def __init__(self) -> None:
        self.asked: list[Target] = []
        self.runtime = Runtime(self._connect)
        self._application = router(lambda: self.runtime)

    async def _connect(self, target: Target) -> Any:
        self.asked.append(target)
        raise UpstreamRefused("invalid_api_key", status=401)

    def knock(
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
async def door() -> AsyncIterator[Door]:
    door = Door()
    yield door
    await door.runtime.stop()


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


async def told(knocking: WebsocketCommunicator) -> tuple[list[dict[str, Any]], int]:
    """What somebody who is let in as far as the open socket is told, and the close code."""
    connected, subprotocol = await knocking.connect()
    assert connected
    assert subprotocol in ("realtime", None)
    events: list[dict[str, Any]] = []
    while True:
        output = await knocking.receive_output(5)
        if output["type"] == "websocket.close":
            await knocking.wait(5)
            return events, output["code"]
        events.append(json.loads(output["text"]))


async def test_a_foreign_page_is_refused_before_the_socket_opens(
    door: Door, session: Session, ticket: str, db_read: Ask
) -> None:
    knocking = door.knock(
        session.pk,
        (b"origin", b"https://evil.example"),
        offers=("realtime", f"relay.ticket.{ticket}"),
    )
    connected, _ = await knocking.connect()
    assert not connected
    assert door.asked == []
    # The ticket was not even looked at.
    assert await db_read(tickets.take, ticket, session.pk) == session.user_id


REFUSALS: list[tuple[dict[str, Any], str, int]] = [
    ({}, "ticket_missing", 4401),
    ({"offers": ("realtime", "relay.ticket.wrong")}, "ticket_invalid", 4401),
    ({"query": "?token=abc"}, "token_in_url", 4401),
]


@pytest.mark.parametrize(("how", "code", "close_code"), REFUSALS)
async def test_who_shows_nothing_good_is_told_why_and_nothing_is_opened(
    door: Door,
    session: Session,
    caplog: pytest.LogCaptureFixture,
    how: dict[str, Any],
    code: str,
    close_code: int,
) -> None:
    with caplog.at_level(logging.WARNING):
        events, closed = await told(door.knock(session.pk, HERE, **how))
    assert [event["type"] for event in events] == ["relay.error", "relay.closing"]
    assert events[0]["code"] == code
    assert closed == events[1]["code"] == close_code
    assert door.asked == []
    assert code in [vars(record)["fields"]["code"] for record in caplog.records]


async def test_a_strangers_session_is_forbidden(door: Door, session: Session, token: str) -> None:
    header = (b"authorization", f"Token {token}".encode())
    events, closed = await told(door.knock(uuid4(), header))
    assert (events[0]["code"], closed) == ("session_unknown", 4403)
    assert door.asked == []


async def test_a_cookie_opens_nothing(door: Door, session: Session, token: str) -> None:
    events, _ = await told(door.knock(session.pk, HERE, (b"cookie", f"token={token}".encode())))
    assert events[0]["code"] == "ticket_missing"


async def test_a_ticket_opens_a_call_in_the_sessions_language(
    door: Door, session: Session, ticket: str, db_read: Ask
) -> None:
    offers = ("realtime", f"relay.ticket.{ticket}")
    events, closed = await told(door.knock(session.pk, HERE, offers=offers))
    assert events[0]["message"] == sentence("provider_refused", "ja")
    assert closed == 4502
    assert len(door.asked) == 1
    assert await db_read(endings, session.pk) == ["provider_refused"]


async def test_a_token_in_a_header_opens_a_call_without_an_origin(
    door: Door, session: Session, token: str
) -> None:
    _, closed = await told(
        door.knock(session.pk, (b"authorization", f"Bearer {token}".encode()), offers=())
    )
    assert closed == 4502
    assert len(door.asked) == 1


async def test_whoever_leaves_before_the_answer_leaves_nothing_behind(
    door: Door, session: Session
) -> None:
    knocking = door.knock(session.pk, HERE)
    await knocking.send_input({"type": "websocket.disconnect", "code": 1006})
    await knocking.wait(5)
    assert door.runtime.live.count == 0


async def test_what_breaks_while_admitting_is_told_as_internal(
    door: Door, session: Session, ticket: str, caplog: pytest.LogCaptureFixture
) -> None:
    # A runtime whose database is closed can ask nobody.
    await door.runtime.stop()
    offers = ("realtime", f"relay.ticket.{ticket}")
    events, closed = await told(door.knock(session.pk, HERE, offers=offers))
    assert (events[0]["code"], closed) == ("internal", 4500)
    assert "admission.failed" in caplog.text


class OverloadedRuntime(Runtime):
    """A runtime whose database does not answer in time."""

    async def serve_call(
        self, session_id: UUID, credential: Credential, client: ClientConnection
    ) -> Ending:
        raise DatabaseSlow


async def test_a_slow_database_is_told_as_unavailable(
    door: Door, session: Session, ticket: str, caplog: pytest.LogCaptureFixture
) -> None:
    door.runtime = OverloadedRuntime()
    offers = ("realtime", f"relay.ticket.{ticket}")
    events, closed = await told(door.knock(session.pk, HERE, offers=offers))
    assert (events[0]["code"], events[0]["retryable"]) == ("unavailable", True)
    assert (events[1]["reason"], closed) == ("internal", 4500)
    assert "admission.failed" not in caplog.text


def endings(session_id: UUID) -> list[str]:
    return list(Call.objects.filter(session_id=session_id).values_list("ending", flat=True))


@pytest.fixture
async def db_read() -> AsyncIterator[Ask]:
    executor = DatabaseExecutor(threads=1)
    yield executor.run
    executor.close()
