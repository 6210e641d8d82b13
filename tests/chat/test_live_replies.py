"""The chat of a process: one client for all answers, and nobody's answer is left running."""

import asyncio
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from backend.chat.live_replies import chat
from backend.conversations.database_executor import DatabaseSlow
from tests.chat.equipment import FakeProvider, chat_with, completed, created, delta, until
from tests.conversations.equipment import new_session

pytestmark = pytest.mark.django_db(transaction=True)


async def test_answers_share_a_client_and_close_ends_with_them(
    owner: User, settings: Settings
) -> None:
    provider = FakeProvider()
    async with chat_with(provider, settings) as chat:
        clients = await asyncio.gather(*(chat._rest_clients.get("openai") for _ in range(2)))
        assert clients[0] is clients[1]
        await chat.close()
        assert clients[0].is_closed()


async def test_a_stop_of_one_session_leaves_the_others(
    django_user_model: type[User], owner: User, settings: Settings
) -> None:
    provider = FakeProvider()
    async with chat_with(provider, settings) as chat:
        answers = []
        for _ in range(2):
            session = await asyncio.to_thread(new_session, owner)
            go_on = asyncio.Event()
            provider.answers(created(), delta("Hello"), go_on, completed())
            opened = await chat.open(session.id, owner.pk, "m1")
            answer = chat.answer(opened, owner.pk, "Hi")  # type: ignore[arg-type]
            await anext(answer)
            answers.append((session, answer, go_on))
        (first, _, _), (second, answer, go_on) = answers
        await chat.stop(first.id, owner.pk, "m1")
        await until(lambda: len(chat._runtime.replies) == 1)
        assert {reply.session_id for reply in chat._runtime.replies} == {second.id}
        go_on.set()
        assert [update async for update in answer][-1].turn.status == "completed"  # type: ignore[union-attr]


async def test_what_is_remembered_is_unknown_without_a_database(
    owner: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_slow(*_: object) -> None:
        raise DatabaseSlow

    async with chat_with(FakeProvider(), settings) as chat:
        with monkeypatch.context() as patch:
            patch.setattr(chat._runtime.database, "run", too_slow)
            assert await chat.remembered_from(uuid4()) is None


def test_a_process_has_one_chat() -> None:
    assert chat() is chat()
