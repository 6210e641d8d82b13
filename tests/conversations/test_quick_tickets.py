"""Tickets before Django: the same answers as Django's, and what is left to Django."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIHandler
from django.db import IntegrityError, OperationalError, connections
from django.test import override_settings
from django.utils import timezone

from backend.accounts import tickets, tokens
from backend.accounts.models import Ticket
from backend.conversations.database_executor import DatabaseExecutor, DatabaseSlow
from backend.conversations.models import Session
from backend.conversations.quick_tickets import (
    MOST_KIND_BYTES,
    PATH,
    Answer,
    Answers,
    Asked,
    Kind,
    answer_in,
    asked_in,
    session_in,
    with_quick_tickets,
)
from backend.middleware import SCHEME_IS_STATED
from tests.conversations.equipment import new_session

KEY = "0123456789abcdef0123456789abcdef01234567"
Headers = list[tuple[bytes, bytes]]


def scope_of(length: int = 54, login: str = f"Token {KEY}", **changed: Any) -> dict[str, Any]:
    """The head of a browser's request; a header given as None is left out."""
    headers = {
        "host": "kaiwa.example", "authorization": login, "content-type": "application/json",
        "content-length": str(length), "accept-language": "ja", **changed.pop("headers", {}),
    }  # fmt: skip
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "https", "path": PATH, "raw_path": PATH.encode(), "query_string": b"",
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value],
        **changed,
    }  # fmt: skip


# What is asked


def test_requests_that_differ_only_in_what_is_their_own_are_of_one_kind() -> None:
    one = asked_in(scope_of())
    other = asked_in(
        scope_of(
            60,
            f"token {KEY[::-1]}",
            client=("10.0.0.1", 2),
            headers={"x-forwarded-for": "10.0.0.9", "x-request-id": "a", "x-real-ip": "10.0.0.9"},
        )
    )
    assert one is not None
    assert one == Asked(one.kind, KEY, 54)
    assert other == Asked(one.kind, KEY[::-1], 60)


@pytest.mark.parametrize(
    "changed",
    [
        {"scheme": "http"},
        {SCHEME_IS_STATED: True},
        {"http_version": "1.0"},
        {"headers": {"host": "other.example"}},
        {"headers": {"accept-language": "en"}},
        {"headers": {"cookie": "a=b"}},
        {"headers": {"accept": "text/html"}},
        {"headers": {"origin": "https://kaiwa.example"}},
        {"headers": {"x-unknown": "1"}},
    ],
)
def test_what_may_change_the_answer_is_another_kind(changed: dict[str, Any]) -> None:
    one, other = asked_in(scope_of()), asked_in(scope_of(**changed))
    assert one is not None
    assert other is not None
    assert one.kind != other.kind


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"path": "/api/realtime/tickets"},
        {"query_string": b"a=b"},
        {"login": f"Bearer {KEY}"},
        {"login": f"Token  {KEY}"},
        {"login": f"Token {KEY}0"},
        {"login": ""},
        {"length": 257},
        {"headers": {"content-length": "+54"}},
        {"headers": {"content-length": "0" * 5000}},
        {"headers": {"content-length": None}},
        {"headers": {"transfer-encoding": "chunked"}},
        {"headers": {"content-type": "application/json; charset=utf-16"}},
        {"headers": {"content-type": "text/plain"}},
        {"headers": {"cookie": "a" * MOST_KIND_BYTES}},
    ],
)
def test_a_request_that_is_not_plainly_right_is_left_to_django(changed: dict[str, Any]) -> None:
    assert asked_in(scope_of(**changed)) is None


@pytest.mark.parametrize("name", ["authorization", "content-length", "content-type"])
def test_a_repeated_header_is_left_to_django(name: str) -> None:
    scope = scope_of()
    again = [each for each in scope["headers"] if each[0] == name.encode()]
    assert asked_in(scope | {"headers": [*scope["headers"], *again]}) is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"{}", b"null", b"[" * 100_000, b"\xff",
        b'{"session_id": 5}', b'{"session_id": null}', b'{"session_id": "5"}',
        b'{"session_id": "11111111111141118111111111111111"}',
        b'{"session_id": "AAAAAAAA-1111-4111-8111-111111111111"}',
        b'{"session_id": "11111111-1111-4111-8111-111111111111", "a": 1}',
    ],
)  # fmt: skip
def test_a_body_that_is_not_plainly_right_names_no_session(body: bytes) -> None:
    assert session_in(body) is None


def test_a_body_names_its_session() -> None:
    session_id = uuid4()
    assert session_in(json.dumps({"session_id": str(session_id)}).encode()) == session_id


# What is remembered


def test_only_an_issued_ticket_without_a_cookie_is_remembered() -> None:
    session_id = uuid4()
    body = json.dumps({"url": f"wss://kaiwa.example/ws/realtime/{session_id}/"}).encode()
    headers: Headers = [(b"Content-Length", b"9"), (b"Vary", b"Accept")]
    created = {"status": 201, "headers": headers}
    assert answer_in(created, body, session_id) == Answer(
        [(b"Vary", b"Accept")], "wss://kaiwa.example", "en"
    )
    in_japanese = created | {"headers": [(b"content-language", b"ja")]}
    answer = answer_in(in_japanese, body, session_id)
    assert answer is not None
    assert answer.language == "ja"
    assert answer_in(created, body, uuid4()) is None
    assert answer_in(created | {"status": 200}, body, session_id) is None
    with_cookie = created | {"headers": [*headers, (b"Set-Cookie", b"a=b")]}
    assert answer_in(with_cookie, body, session_id) is None


def test_the_kinds_that_were_used_last_are_remembered() -> None:
    kinds = [Kind(name, False, "1.1", ()) for name in "abc"]
    answers = Answers(most=2)
    for kind in kinds[:2]:
        answers.keep(kind, Answer([], kind.scheme, "en"))
    assert answers.get(kinds[0]) == Answer([], "a", "en")
    answers.keep(kinds[2], Answer([], "c", "en"))
    assert [answers.get(kind) is not None for kind in kinds] == [True, False, True]


# With a database


class Server:
    """Django behind the quick road. `asked` counts the requests that Django answers."""

    def __init__(self) -> None:
        self.asked = 0
        self.database = DatabaseExecutor(threads=1, keeps_sqlite=True)
        self.app = with_quick_tickets(self._django, self.database)
        self._handler = ASGIHandler()

    async def _django(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await self._handler(scope, receive, send)

    async def post(
        self, login: str, session_id: UUID | str, **changed: Any
    ) -> tuple[int, Headers, dict[str, Any]]:
        """Ask for a ticket. Returns the status, the headers and the JSON."""
        body = json.dumps({"session_id": str(session_id)}).encode()
        halves = changed.pop("halves", [body])
        events = [
            {"type": "http.request", "body": half, "more_body": index < len(halves) - 1}
            for index, half in enumerate(halves)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not events:
                await asyncio.Event().wait()
            return events.pop(0)

        async def send(event: dict[str, Any]) -> None:
            sent.append(event)

        length = sum(map(len, halves))
        await self.app(scope_of(length, f"Token {login}", **changed), receive, send)
        start, *rest = sent
        text = b"".join(event.get("body", b"") for event in rest)
        headers = [(bytes(name), bytes(value)) for name, value in start["headers"]]
        return start["status"], sorted(headers), json.loads(text)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    with override_settings(ALLOWED_HOSTS=["kaiwa.example"], SECURE_HSTS_SECONDS=60):
        server = Server()
        yield server
    server.database.close()
    # That of asgiref's thread, which would outlive the test's database.
    await sync_to_async(connections.close_all)()


def raising(error: Exception) -> Callable[..., None]:
    """A function that raises this error."""

    def raises(*_: object) -> None:
        raise error

    return raises


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


with_database = pytest.mark.django_db(transaction=True)


@with_database
@pytest.mark.postgres
async def test_the_second_answer_of_a_kind_is_as_djangos(
    server: Server, owner: User, session: Session
) -> None:
    login = await sync_to_async(tokens.key_for)(owner)
    for scheme in ("http", "https"):
        before = server.asked
        first, second = [await server.post(login, session.pk, scheme=scheme) for _ in range(2)]
        assert server.asked == before + 1
        assert first[:2] == second[:2]
        assert first[0] == 201
        assert first[2].keys() == second[2].keys()
        assert first[2]["url"] == second[2]["url"]
        root = {"http": "ws", "https": "wss"}[scheme]
        assert second[2]["url"] == f"{root}://kaiwa.example/ws/realtime/{session.pk}/"
        until = [datetime.fromisoformat(each[2]["expires_at"]) for each in (first, second)]
        assert timedelta() <= until[1] - until[0] < timedelta(seconds=5)
        take = sync_to_async(tickets.take)
        assert await take(second[2]["ticket"], session.pk) == owner.pk
        assert await take(first[2]["ticket"], session.pk) == owner.pk


@with_database
@pytest.mark.postgres
async def test_what_has_changed_since_is_djangos_to_refuse(
    server: Server, owner: User, stranger: User, session: Session
) -> None:
    login = await sync_to_async(tokens.key_for)(owner)
    strangers = await sync_to_async(tokens.key_for)(stranger)
    assert [(await server.post(login, session.pk))[0] for _ in range(2)] == [201, 201]
    issued = await Ticket.objects.acount()

    async def refused(code: str, key: str = login, session_id: UUID = session.pk) -> None:
        asked = server.asked
        _, _, answer = await server.post(key, session_id)
        assert answer["error"]["code"] == code
        assert server.asked == asked + 1

    await refused("not_found", strangers)
    await refused("not_found", session_id=uuid4())
    await refused("token_invalid", KEY)
    await Session.objects.aupdate(closed_at=timezone.now())
    await refused("session_closed")
    await Session.objects.aupdate(closed_at=None, deleted_at=timezone.now())
    await refused("not_found")
    await Session.with_deleted.aupdate(deleted_at=None)
    await User.objects.filter(pk=owner.pk).aupdate(is_active=False)
    await refused("token_invalid")
    await User.objects.filter(pk=owner.pk).aupdate(is_active=True)
    await sync_to_async(tokens.revoke)(owner.pk)
    await refused("token_invalid")
    assert issued == 2
    assert not await Ticket.objects.aexists()


@with_database
async def test_django_reads_the_whole_body_of_what_is_left_to_it(
    server: Server, owner: User, session: Session
) -> None:
    login = await sync_to_async(tokens.key_for)(owner)
    body = json.dumps({"session_id": str(session.pk)}).encode()
    for halves in ([body], [body[:9], body[9:]], [b" " + body], [body]):
        status, _, answer = await server.post(login, session.pk, halves=halves)
        assert (status, answer["url"][:6]) == (201, "wss://")
    # The second came in two parts.
    assert server.asked == 2
    status, _, answer = await server.post(login, "not-a-uuid")
    assert (status, answer["error"]["code"]) == (400, "invalid")


@with_database
async def test_a_refusal_is_not_remembered(server: Server, session: Session) -> None:
    for _ in range(2):
        assert (await server.post(KEY, session.pk))[0] == 401
    assert server.asked == 2


@with_database
@pytest.mark.parametrize("error", [DatabaseSlow, OperationalError])
async def test_a_late_database_is_not_asked_twice_and_the_answer_is_djangos(
    server: Server,
    owner: User,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: type[Exception],
) -> None:
    login = await sync_to_async(tokens.key_for)(owner)
    await server.post(login, session.pk)

    monkeypatch.setattr(tickets, "issue", raising(error()))
    quick = await server.post(login, session.pk)
    assert server.asked == 1
    assert (quick[0], quick[2]["error"]["code"]) == (503, "unavailable")
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == ["api.failed"]
    monkeypatch.setattr(tickets, "issue", raising(OperationalError()))
    django = Server()
    assert await django.post(login, session.pk) == quick
    django.database.close()


@with_database
async def test_a_row_that_the_database_refuses_is_djangos_to_answer(
    server: Server, owner: User, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = await sync_to_async(tokens.key_for)(owner)
    await server.post(login, session.pk)
    monkeypatch.setattr(tickets, "issue", raising(IntegrityError()))
    assert (await server.post(login, session.pk))[0] == 500
    assert server.asked == 2


async def test_other_requests_pass_untouched() -> None:
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.append(arguments)

    scope, receive, send = scope_of(method="GET"), object(), object()
    await with_quick_tickets(app, DatabaseExecutor())(scope, receive, send)
    assert seen == [(scope, receive, send)]
