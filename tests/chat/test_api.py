"""Typed messages over HTTP: JSON and server-sent events, limits, and clients that leave."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, cast
from uuid import uuid4

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from django.utils import timezone
from pytest_django.fixtures import Settings

from backend.accounts.tokens import key_for
from backend.asgi import http as application
from backend.chat import api
from backend.chat.live_replies import Chat
from backend.conversations.models import Session, Turn
from backend.relay.client_policy import MAX_MESSAGE_CHARACTERS
from backend.spending.models import Budget
from backend.wording import SENTENCES, sentence
from tests.chat.equipment import (
    FakeProvider,
    chat_with,
    completed,
    created,
    delta,
    failed,
    until,
)
from tests.conversations.equipment import kept_usage, new_call, new_session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
async def chat(
    provider: FakeProvider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Chat, None]:
    async with chat_with(provider, settings, heartbeat_s=0.05) as chat:
        monkeypatch.setattr(api, "chat", lambda: chat)
        yield chat


class Person:
    """A user's HTTP client."""

    def __init__(self, user: User, session: Session) -> None:
        self.token = key_for(user)
        self.path = f"/api/sessions/{session.id}/messages/"
        self.client = AsyncClient()

    async def send(self, body: object, accept: str = "application/json", **more: str) -> Any:
        # Each request in a thread of its own, as under a server.
        async with ThreadSensitiveContext():
            return await self.client.post(
                self.path,
                json.dumps(body),
                content_type="application/json",
                headers={"Authorization": f"Token {self.token}", "Accept": accept} | more,
            )

    async def stop(self, message_id: str) -> int:
        headers = {"Authorization": f"Token {self.token}"}
        async with ThreadSensitiveContext():
            response = await self.client.post(f"{self.path}{message_id}/stop/", headers=headers)
        return response.status_code

    async def stream(self, body: object) -> list[tuple[str, Any]]:
        """The events of an answer."""
        response = cast(StreamingHttpResponse, await self.send(body, "text/event-stream"))
        assert response.status_code == 200
        assert response["Content-Type"] == "text/event-stream; charset=utf-8"
        chunks = cast(AsyncGenerator[bytes, None], response.streaming_content)
        return [event_of(chunk) async for chunk in chunks]


def event_of(chunk: bytes) -> tuple[str, Any]:
    name, data = chunk.decode().removesuffix("\n\n").split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


@pytest.fixture
def me(chat: Chat, owner: User, session: Session) -> Person:
    return Person(owner, session)


async def test_json_is_the_assistants_turn(me: Person, provider: FakeProvider) -> None:
    provider.says("Hello ", "there.")
    response = await me.send({"text": "Hi", "id": "m1"})
    assert response.status_code == 201
    turn = response.json()
    assert (turn["role"], turn["text"], turn["status"]) == (
        "assistant", "Hello there.", "completed",
    )  # fmt: skip
    again = await me.send({"text": "Hi", "id": "m1"})
    assert (again.status_code, again.json()) == (200, turn)
    assert len(provider.bodies) == 1


async def test_events_are_deltas_and_the_turn(me: Person, provider: FakeProvider) -> None:
    provider.says("こん", "にちは。")
    events = await me.stream({"text": "やあ", "id": "m1"})
    assert events[:2] == [
        ("message.delta", {"text": "こん"}),
        ("message.delta", {"text": "にちは。"}),
    ]
    name, turn = events[2]
    assert (name, turn["text"]) == ("message.completed", "こんにちは。")
    assert await me.stream({"text": "やあ", "id": "m1"}) == [(name, turn)]


async def test_a_completed_answer_says_from_where_on_the_model_remembers(
    me: Person, provider: FakeProvider, settings: Settings
) -> None:
    settings.HISTORY_TOKENS = 1
    for message_id, remembered_from in (("m1", None), ("m2", 100_000)):
        provider.says("Hello.")
        for _ in range(2):
            name, completed = (await me.stream({"text": "Hi", "id": message_id}))[-1]
            assert (name, completed["remembered_from"]) == ("message.completed", remembered_from)
    turn = await Turn.objects.aget(item_id="m2")
    assert turn.position == 100_000


async def test_a_long_message_is_remembered_with_the_next_question(
    me: Person, provider: FakeProvider
) -> None:
    long = "あ" * MAX_MESSAGE_CHARACTERS
    for text in (long, "And now?"):
        provider.says("Well.")
        await me.stream({"text": text})
    contents = [item["content"] for item in provider.bodies[1]["input"]]
    assert contents == [long, "Well.", "And now?"]


async def test_a_failure_in_the_stream_is_an_event_in_the_users_language(
    me: Person, provider: FakeProvider
) -> None:
    provider.answers(created(), delta("Hel"), failed("server_error"))
    response = await me.send({"text": "Hi"}, "text/event-stream", **{"Accept-Language": "ja"})
    events = [event_of(chunk) async for chunk in response.streaming_content]
    message = SENTENCES["chat_unavailable"]["ja"]
    assert events[1] == ("error", {"error": {"code": "chat_unavailable", "message": message}})


async def test_a_failure_as_json_has_the_one_shape_and_says_when_to_retry(
    me: Person, provider: FakeProvider
) -> None:
    provider.refuses(429, "rate_limit_exceeded", **{"Retry-After": "6.5"})
    response = await me.send({"text": "Hi"})
    assert (response.status_code, response["Retry-After"]) == (503, "7")
    assert response.json()["error"]["code"] == "chat_unavailable"
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": " \n\u3000"},
        {"text": "x" * (MAX_MESSAGE_CHARACTERS + 1)},
        {"text": "nul\0"},
        {"text": "Hi", "id": ""},
        {"text": "Hi", "id": "with space"},
        {"text": "Hi", "id": "x" * 65},
        {"text": "Hi", "voice": "marin"},
    ],
)
async def test_a_wrong_message_is_refused_by_field(me: Person, body: object) -> None:
    for accept in ("application/json", "text/event-stream"):
        response = await me.send(body, accept)
        assert response.status_code == 400
        assert response["Content-Type"] == "application/json"
        assert response.json()["error"]["code"] == "invalid"


async def test_the_longest_message_is_accepted_escaped(me: Person, provider: FakeProvider) -> None:
    provider.says("Long.")
    text = "あ" * MAX_MESSAGE_CHARACTERS
    assert (await me.send({"text": text})).status_code == 201
    assert provider.bodies[0]["input"][-1]["content"] == text


async def test_a_body_beyond_every_message_is_too_large(me: Person) -> None:
    response = await me.send({"text": "x" * 300_000})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


async def test_a_strangers_session_does_not_exist(
    me: Person, stranger: User, session: Session
) -> None:
    other = await sync_to_async(Person)(stranger, session)
    assert (await other.send({"text": "Hi"})).json()["error"]["code"] == "not_found"
    me.path = f"/api/sessions/{uuid4()}/messages/"
    assert (await me.send({"text": "Hi"})).status_code == 404


async def test_it_needs_a_login(me: Person) -> None:
    me.token = "nobody"
    assert (await me.send({"text": "Hi"})).status_code == 401


async def test_a_closed_session_is_a_conflict(me: Person, session: Session) -> None:
    await Session.objects.aupdate(closed_at=timezone.now())
    response = await me.send({"text": "Hi"}, "text/event-stream")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "session_closed")


async def test_a_live_call_is_a_conflict(me: Person, session: Session) -> None:
    await sync_to_async(new_call)(session)
    response = await me.send({"text": "Hi"})
    assert (response.status_code, response.json()["error"]["code"]) == (409, "call_live")


async def test_a_running_answer_is_a_conflict_and_can_be_stopped(
    me: Person, provider: FakeProvider
) -> None:
    provider.answers(created(), delta("Hello"), asyncio.Event())
    running = asyncio.create_task(me.send({"text": "Hi", "id": "m1"}))
    await until(lambda: provider.bodies)
    for message_id in ("m1", "m2"):
        response = await me.send({"text": "Hi", "id": message_id})
        assert (response.status_code, response.json()["error"]["code"]) == (409, "reply_running")
    assert await me.stop("m1") == 204
    turn = (await running).json()
    assert turn["status"] == "interrupted"
    assert await me.stop("m1") == 204, "again, after it has ended"
    assert (await me.send({"text": "Hi", "id": "m1"})).json() == turn


async def test_only_its_user_stops_an_answer(
    me: Person, provider: FakeProvider, stranger: User, session: Session
) -> None:
    provider.says("Hello.")
    await me.send({"text": "Hi", "id": "m1"})
    other = await sync_to_async(Person)(stranger, session)
    assert await other.stop("m1") == 404
    assert await me.stop("m2") == 404


class Connection:
    """One HTTP request at the level of ASGI, so that a test sees each chunk, and can hang up."""

    def __init__(self, me: Person, body: object, accept: str) -> None:
        self._body = json.dumps(body).encode()
        headers = [
            (b"host", b"localhost"),
            (b"authorization", f"Token {me.token}".encode()),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body)).encode()),
            (b"accept", accept.encode()),
            (b"accept-encoding", b"gzip"),
        ]
        scope = {
            "type": "http", "method": "POST", "path": me.path, "query_string": b"",
            "headers": headers, "http_version": "1.1", "scheme": "http",
            "server": ("localhost", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        self._communicator: Any = cast(Any, ApplicationCommunicator)(application, scope)

    async def start(self) -> None:
        await self._communicator.send_input({"type": "http.request", "body": self._body})

    async def receive(self) -> Any:
        return await self._communicator.receive_output(5)

    async def hang_up(self) -> None:
        await self._communicator.send_input({"type": "http.disconnect"})
        await self._communicator.wait(5)


async def test_the_first_words_leave_at_once(me: Person, provider: FakeProvider) -> None:
    go_on = asyncio.Event()
    provider.answers(created(), delta("Hello"), go_on, completed())
    connection = Connection(me, {"text": "Hi"}, "text/event-stream")
    await connection.start()
    start = await connection.receive()
    assert start["status"] == 200
    headers = dict(start["headers"])
    assert b"Content-Encoding" not in headers and b"Content-Length" not in headers
    assert event_of((await connection.receive())["body"]) == ("message.delta", {"text": "Hello"})
    go_on.set()
    assert event_of((await connection.receive())["body"])[0] == "message.completed"


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
async def test_a_client_that_leaves_stops_the_answer(
    me: Person, chat: Chat, provider: FakeProvider, accept: str
) -> None:
    provider.answers(created(), delta("Hello"), asyncio.Event())
    connection = Connection(me, {"text": "Hi"}, accept)
    await connection.start()
    await until(lambda: any(reply._reader.text for reply in chat._runtime.replies))  # type: ignore[attr-defined]
    await connection.hang_up()
    await until(lambda: not chat._runtime.replies)
    assert provider.closed == 1
    turn = await Turn.objects.aget(role="assistant")
    assert (turn.text, turn.status) == ("Hello", "interrupted")


@pytest.mark.parametrize(
    ("limit", "status"), [({"usd_per_month": 1}, 402), ({"minutes_per_day": 1}, 429)]
)
async def test_a_budget_that_is_used_up_refuses_the_message_with_the_time(
    me: Person, provider: FakeProvider, session: Session, limit: dict[str, int], status: int
) -> None:
    def use_up() -> None:
        Budget.objects.create(scope="user", user=session.user, **limit)
        kept_usage(session, "resp_1", "gpt-realtime", audio_out=20_000)
        kept_usage(session, "clip_1", "gpt-transcribe", kind="transcription", seconds=61)

    await sync_to_async(use_up)()
    for accept in ("application/json", "text/event-stream"):
        response = await me.send({"text": "Hi", "id": "m1"}, accept)
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (status, "budget_spent")
        resets_at = datetime.fromisoformat(error["detail"]["resets_at"])
        assert error["message"] == sentence("budget_spent", "en", resets_at)
        assert 0 < int(response["Retry-After"]) <= 31 * 86400 + 1
    assert provider.bodies == []
    assert not await Turn.objects.aexists()
    # What was answered before can still be had, and a raised budget lets the message pass.
    await Budget.objects.all().adelete()
    provider.says("Hello.")
    assert (await me.send({"text": "Hi", "id": "m1"})).status_code == 201


async def test_a_model_of_unknown_price_is_refused_under_a_budget(
    me: Person, provider: FakeProvider, session: Session, settings: Settings
) -> None:
    settings.CHAT_MODEL = "mine"
    await Budget.objects.acreate(scope="everybody", usd_per_month=1)
    response = await me.send({"text": "Hi", "id": "m1"})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "price_unknown")
    assert provider.bodies == []
