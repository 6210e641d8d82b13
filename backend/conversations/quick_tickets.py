"""Answers most requests for a ticket before Django: each connect of a page begins with one.

Django takes two thirds of the processor time of a connect: a thread and, on SQLite, a connection
for each request, the chain of middleware, and REST framework. Here Django answers the first request
of a kind, and its answer is remembered: the headers, and the address that the WebSocket's URL
begins with. A later request of the same kind does only what is its own: its login
and session are looked up, and its ticket is issued. So no header has a second source, and nothing
that a logout, a deleted session or a disabled user changes is remembered.

Of the same kind are requests that differ in nothing but `_OWN`, by which no answer differs but in
what is looked up. Django answers everything else, nearly all refusals among them: a request that
is not plainly right, or whose login or session is not found. Only `unavailable` is answered here,
since Django would wait for the database once more.
"""

import asyncio
import contextlib
import json
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID

from django.db import Error as DatabaseError
from django.utils import translation
from rest_framework.renderers import JSONRenderer

from backend.accounts import tickets, tokens
from backend.api_errors import ApiRefused, exception_handler
from backend.conversations.database_executor import DatabaseExecutor, DatabaseSlow
from backend.conversations.serializers import ticket_json
from backend.conversations.session_locks import is_open_session
from backend.database import DATABASE_UNAVAILABLE
from backend.middleware import SCHEME_IS_STATED
from backend.protocol.errors import AdmissionRefused

PATH = "/api/realtime/tickets/"
MOST_BODY_BYTES = 256
"""A body that names a session has 54 bytes."""
SLOW_S = 0.25
"""A ticket takes a millisecond."""
MOST_KINDS = 256
MOST_KIND_BYTES = 4096
MOST_KIND_HEADERS = 64
"""Bounds of what is remembered: 4 MB. A browser sends 20 headers of 1 KB."""

# `Any`: the servers, Channels and Django each have their own types for the same dictionaries.
Application = Callable[[Any, Any, Any], Awaitable[None]]

_OWN = frozenset(
    {
        b"authorization", b"content-length", b"x-forwarded-for", b"x-real-ip", b"x-request-id",
        b"traceparent", b"tracestate", b"x-amzn-trace-id", b"cf-ray",
    }
)  # fmt: skip
"""The headers that are each request's own. None but the first decides on the answer: the others are
read before Django (`trusted_proxies`, `telemetry.request_ids`) or not at all."""
_NOT_REMEMBERED = frozenset({b"content-length", b"set-cookie"})
_LOGIN = re.compile(rb"[Tt]oken ([0-9a-f]{40})")
_SESSION_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Kind(NamedTuple):
    """What is the same in all requests of a kind."""

    scheme: str
    is_scheme_stated: bool
    http_version: str
    headers: tuple[tuple[bytes, bytes], ...]


class Asked(NamedTuple):
    """What a request says for itself, and its kind."""

    kind: Kind
    login: str
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What Django answered to a kind of request."""

    headers: list[tuple[bytes, bytes]]
    socket_root: str
    """The beginning of the URL of a WebSocket: all before its path."""
    language: str


@dataclass(slots=True)
class Answers:
    """The answers by kind; the least recently used one goes first."""

    most: int = MOST_KINDS
    _by_kind: OrderedDict[Hashable, Answer] = field(default_factory=OrderedDict)

    def get(self, kind: Kind) -> Answer | None:
        """The answer to requests of this kind, if it is remembered."""
        if (answer := self._by_kind.get(kind)) is not None:
            self._by_kind.move_to_end(kind)
        return answer

    def keep(self, kind: Kind, answer: Answer) -> None:
        """Remember an answer."""
        self._by_kind[kind] = answer
        while len(self._by_kind) > self.most:
            self._by_kind.popitem(last=False)


class Pending:
    """When each request began that waits for the database."""

    def __init__(self) -> None:
        self._began_s: list[float] = []

    def has_slow(self, now_s: float) -> bool:
        """Whether one of them has waited for longer than `SLOW_S`."""
        return bool(self._began_s) and now_s - self._began_s[0] > SLOW_S

    @contextlib.contextmanager
    def one(self, now_s: float) -> Iterator[None]:
        """One more begins now, and ends with the block. `now_s` never goes back."""
        self._began_s.append(now_s)
        try:
            yield
        finally:
            self._began_s.remove(now_s)


def asked_in(scope: Mapping[str, Any]) -> Asked | None:
    """What the head of a request asks; None if it is not plainly a request for a ticket."""
    if scope["path"] != PATH or scope["method"] != "POST" or scope.get("query_string"):
        return None
    others: list[tuple[bytes, bytes]] = []
    own: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        key = name.lower()
        if key not in _OWN:
            others.append((key, value))
        elif key in own and key in (b"authorization", b"content-length"):
            return None
        else:
            own[key] = value
    login = _LOGIN.fullmatch(own.get(b"authorization", b""))
    length = own.get(b"content-length", b"")
    if (
        login is None
        or not (length.isdigit() and len(length) < 4 and int(length) <= MOST_BODY_BYTES)
        or [value for key, value in others if key == b"content-type"] != [b"application/json"]
        or any(key == b"transfer-encoding" for key, _ in others)
        or [key for key, _ in others].count(b"host") != 1
        or len(others) > MOST_KIND_HEADERS
        or sum(len(key) + len(value) for key, value in others) > MOST_KIND_BYTES
    ):
        return None
    kind = Kind(
        scope.get("scheme", "http"),
        bool(scope.get(SCHEME_IS_STATED)),
        scope.get("http_version", ""),
        tuple(others),
    )
    return Asked(kind, login[1].decode(), int(length))


def session_in(body: bytes) -> UUID | None:
    """The session that a body names, if it names one and nothing else."""
    try:
        given = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or given.keys() != {"session_id"}:
        return None
    session_id = given["session_id"]
    if not isinstance(session_id, str) or _SESSION_ID.fullmatch(session_id) is None:
        return None
    return UUID(session_id)


def answer_in(start: Mapping[str, Any], body: bytes, session_id: UUID) -> Answer | None:
    """What is to be remembered of Django's answer; None if it is no ticket, or sets a cookie."""
    headers: list[tuple[bytes, bytes]] = [(name, value) for name, value in start["headers"]]
    names = {name.lower() for name, _ in headers}
    if start["status"] != HTTPStatus.CREATED or b"set-cookie" in names:
        return None
    url: str = json.loads(body)["url"]
    path = f"/ws/realtime/{session_id}/"
    if not url.endswith(path):
        return None
    kept = [each for each in headers if each[0].lower() not in _NOT_REMEMBERED]
    languages = (value for name, value in headers if name.lower() == b"content-language")
    return Answer(kept, url.removesuffix(path), next(languages, b"en").decode("latin-1"))


def issue_to(login: str, session_id: UUID) -> tickets.IssuedTicket | None:
    """Issue a ticket for the session, if it is open and the login's. None: Django says why not."""
    try:
        user_id = tokens.user_of(login)
    except AdmissionRefused:
        return None
    if not is_open_session(session_id, user_id):
        return None
    return tickets.issue(user_id, session_id)


def with_quick_tickets(app: Application, database: DatabaseExecutor) -> Application:
    """Return an ASGI application that answers requests for tickets of a kind that `app` has had.

    Not while one of them is slow, such as one that waits for a user's locked row: the others would
    wait behind it for the threads of `database`, which Django does not use.
    """
    answers, pending = Answers(), Pending()

    async def quick(scope: dict[str, Any], receive: Any, send: Any) -> None:
        asked = asked_in(scope)
        if asked is None:
            await app(scope, receive, send)
            return
        first = await receive()
        is_whole = first["type"] == "http.request" and not first.get("more_body", False)
        body = first.get("body", b"")
        session_id = session_in(body) if is_whole and len(body) == asked.body_bytes else None
        answer = answers.get(asked.kind)
        now_s = asyncio.get_running_loop().time()
        if session_id is not None and answer is not None and not pending.has_slow(now_s):
            with pending.one(now_s):
                found = await _answered(database, asked.login, session_id, answer)
            if found is not None:
                await _send_json(send, answer, *found)
                return
        unread = [first]

        async def receive_again() -> Any:
            return unread.pop() if unread else await receive()

        if session_id is None or answer is not None:
            await app(scope, receive_again, send)
            return
        sent: list[Any] = []

        async def send_and_note(event: Any) -> None:
            sent.append(event)
            await send(event)

        await app(scope, receive_again, send_and_note)
        start, *rest = sent or [{}]
        if start.get("type") == "http.response.start":
            given = b"".join(event.get("body", b"") for event in rest)
            if (first_of_kind := answer_in(start, given, session_id)) is not None:
                answers.keep(asked.kind, first_of_kind)

    return quick


async def _answered(
    database: DatabaseExecutor, login: str, session_id: UUID, answer: Answer
) -> tuple[int, object] | None:
    """The status and the JSON of the answer; None for what Django shall answer."""
    try:
        issued = await database.run(issue_to, login, session_id)
    except (DatabaseSlow, *DATABASE_UNAVAILABLE) as error:
        return _unavailable(error, answer.language)
    except DatabaseError:
        # Such as a user who was deleted in between.
        return None
    if issued is None:
        return None
    return int(HTTPStatus.CREATED), ticket_json(issued, session_id, answer.socket_root)


def _unavailable(error: Exception, language: str) -> tuple[int, object]:
    refused = ApiRefused("unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
    refused.__cause__ = error
    with translation.override(language):
        response = exception_handler(refused, {})
    return response.status_code, response.data


async def _send_json(send: Any, answer: Answer, status: int, found: object) -> None:
    body = JSONRenderer().render(found)
    headers = [*answer.headers, (b"Content-Length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
