"""Answers on a real database: stored, stopped, tried again, and never two at once."""

import asyncio
from collections.abc import AsyncGenerator
from decimal import Decimal

import httpx2
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from backend.chat.live_replies import Chat
from backend.chat.reply import Ended, Update
from backend.chat.reply_logic import Words
from backend.conversations.models import Reply, Session, Turn, Usage
from backend.conversations.replies import OpenedReply, ReplyRefused
from backend.runtime import CallModels, target_for
from tests.azure import AZURE_KEY, configure_azure
from tests.chat.equipment import (
    FakeProvider,
    Step,
    chat_with,
    completed,
    created,
    delta,
    failed,
    until,
)
from tests.conversations.equipment import kept_turn, new_call, new_session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
async def chat(provider: FakeProvider, settings: Settings) -> AsyncGenerator[Chat, None]:
    async with chat_with(provider, settings, stall_s=2.0, heartbeat_s=0.05) as chat:
        yield chat


FAILED = failed("x")["type"]
MODELS = CallModels("openai", "gpt-realtime", "gpt-transcribe")


async def opened(chat: Chat, session: Session, message_id: str = "m1") -> OpenedReply:
    reply = await chat.open(session.id, session.user_id, message_id)
    assert isinstance(reply, OpenedReply)
    return reply


async def send(chat: Chat, session: Session, text: str, message_id: str = "m1") -> list[Update]:
    reply = await opened(chat, session, message_id)
    return [update async for update in chat.answer(reply, session.user_id, text)]


async def begun(
    chat: Chat, provider: FakeProvider, session: Session
) -> AsyncGenerator[Update, None]:
    """An answer that has said "Hello" and goes on for ever."""
    provider.answers(created(), delta("Hello"), asyncio.Event())
    answer = chat.answer(await opened(chat, session), session.user_id, "Hi")
    assert await anext(answer) == Words("Hello")
    return answer


async def turn_after(answer: AsyncGenerator[Update, None]) -> Turn:
    """The turn with which the answer ends next."""
    ended = await anext(answer)
    assert isinstance(ended, Ended)
    assert ended.turn is not None
    return ended.turn


def ended(updates: list[Update]) -> Ended:
    last = updates[-1]
    assert isinstance(last, Ended)
    return last


@sync_to_async
def stored(session: Session) -> list[tuple[str, str, str]]:
    turns = Turn.objects.filter(session=session)
    return list(turns.values_list("role", "text", "status"))


@sync_to_async
def reply_status() -> str:
    return Reply.objects.get().status


async def test_a_message_and_its_answer_are_stored_with_their_cost(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    provider.says("Hello ", "there.")
    updates = await send(chat, session, "Hi")
    assert updates[:2] == [Words("Hello "), Words("there.")]
    turn = ended(updates).turn
    assert turn is not None
    assert (turn.text, turn.modality, turn.status) == ("Hello there.", "text", "completed")
    assert await stored(session) == [
        ("user", "Hi", "completed"),
        ("assistant", "Hello there.", "completed"),
    ]
    usage = await Usage.objects.aget()
    assert (usage.kind, usage.model, usage.text_in) == ("response", "gpt-5.6-luna-2026-10-01", 100)
    assert usage.item_id == turn.item_id
    # 60 plain, 40 cached and 10 output tokens.
    assert usage.cost_usd == Decimal("0.0000248")
    await sync_to_async(session.refresh_from_db)()
    assert (session.title, session.realtime_mode) == ("Hi", False)


async def test_the_provider_of_the_session_answers(
    chat: Chat, provider: FakeProvider, session: Session, settings: Settings
) -> None:
    configure_azure(settings)
    await Session.objects.aupdate(provider="azure")
    provider.says("Hello.")
    assert ended(await send(chat, session, "Hi")).turn is not None
    (body,) = provider.bodies
    assert body["model"] == "chat-eu"
    (request,) = provider.requests
    assert str(request.url) == "https://azure.test/openai/v1/responses"
    assert request.headers["api-key"] == AZURE_KEY
    assert "Authorization" not in request.headers


async def test_a_session_whose_provider_has_no_settings_gets_no_answer(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    await Session.objects.aupdate(provider="azure")
    assert ended(await send(chat, session, "Hi")).code == "chat_refused"
    assert provider.requests == []


async def test_the_request_has_the_heard_history_and_the_users_hash(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    await sync_to_async(kept_turn)(
        session, role="assistant", text="All of it.", heard_text="All", position=-1
    )
    provider.says("Yes.")
    await send(chat, session, "First?")
    provider.says("No.")
    await send(chat, session, "Second?", "m2")
    (_, body) = provider.bodies
    assert [item["content"] for item in body["input"]] == ["All", "First?", "Yes.", "Second?"]
    assert (body["store"], body["model"]) == (False, "gpt-5.6-luna")
    assert body["safety_identifier"] == target_for(session.user_id).safety_identifier


async def test_the_first_words_leave_before_the_answer_ends(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    go_on = asyncio.Event()
    provider.answers(created(), delta("Hello"), go_on, completed())
    answer = chat.answer(await opened(chat, session), session.user_id, "Hi")
    assert await anext(answer) == Words("Hello")
    go_on.set()
    assert (await turn_after(answer)).status == "completed"


async def test_words_that_come_close_together_are_passed_on_as_one_piece(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    provider.says("One, ", "two, ", "three, ", "four.")
    updates = await send(chat, session, "Count.")
    assert updates[:-1] == [Words("One, "), Words("two, three, four.")]


async def test_a_failed_answer_passes_on_all_of_its_words_first(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    provider.answers(created(), delta("One, "), delta("two"), failed("server_error"))
    updates = await send(chat, session, "Count.")
    assert updates[:-1] == [Words("One, "), Words("two")]


async def test_a_stopped_answer_keeps_what_came(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    answer = await begun(chat, provider, session)
    await chat.stop(session.id, session.user_id, "m1")
    turn = await turn_after(answer)
    assert (turn.text, turn.status) == ("Hello", "interrupted")
    # No usage comes any more: what was produced is not free.
    usage = await Usage.objects.aget()
    assert (usage.source_id, usage.text_out, usage.is_estimated) == ("resp_1", 2, True)
    assert usage.text_in > 0 and usage.cost_usd is not None
    assert provider.closed == 1
    assert await chat.open(session.id, session.user_id, "m1") == turn


async def test_another_process_stops_it(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    answer = await begun(chat, provider, session)
    await sync_to_async(Reply.objects.update)(stop_asked=True)
    assert (await turn_after(answer)).status == "interrupted"


async def test_a_client_that_leaves_stops_it(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    answer = await begun(chat, provider, session)
    await answer.aclose()
    await chat.close()
    assert provider.closed == 1
    assert (await stored(session))[1] == ("assistant", "Hello", "interrupted")
    assert await reply_status() == "interrupted"


async def test_an_answer_stopped_before_its_first_word_is_an_empty_turn(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    provider.answers(created(), asyncio.Event())
    reply = await opened(chat, session)
    reading = asyncio.create_task(turn_after(chat.answer(reply, session.user_id, "Hi")))
    await until(lambda: provider.bodies)
    await chat.stop(session.id, session.user_id, "m1")
    turn = await reading
    assert (turn.text, turn.status) == ("", "interrupted")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([created(), delta("Hel"), httpx2.RemoteProtocolError("a secret")], "chat_failed"),
        ([created(), delta("Hel")], "chat_failed"),
        ([created(), delta("Hel"), b"data: {garbage\n\n"], "chat_failed"),
        ([created(), delta("Hel"), b"data: [1, 2]\n\n", failed("x")], "chat_failed"),
        ([created(), delta("Hel"), failed("rate_limit_exceeded")], "chat_unavailable"),
        ([created(), delta("Hel"), asyncio.Event()], "chat_timeout"),
    ],
)
async def test_a_broken_answer_can_be_tried_again_and_doubles_nothing(
    chat: Chat, provider: FakeProvider, session: Session, script: list[Step], code: str
) -> None:
    provider.answers(*script)
    assert ended(await send(chat, session, "Hi")).code == code
    assert await stored(session) == [("user", "Hi", "completed"), ("assistant", "Hel", "failed")]
    # The provider charges nothing for what it reports as failed.
    has_failed = any(isinstance(step, dict) and step["type"] == FAILED for step in script)
    assert await Usage.objects.filter(is_estimated=True).acount() == (0 if has_failed else 1)
    provider.says("Hello.")
    assert ended(await send(chat, session, "Hi")).turn is not None
    assert await stored(session) == [
        ("user", "Hi", "completed"),
        ("assistant", "Hello.", "completed"),
    ]
    assert [item["content"] for item in provider.bodies[1]["input"]] == ["Hi"]


@pytest.mark.parametrize(
    ("status", "named", "code"),
    [
        (401, "invalid_api_key", "chat_refused"),
        (404, "model_not_found", "chat_model_unknown"),
        (429, "rate_limit_exceeded", "chat_unavailable"),
        (500, "", "chat_unavailable"),
    ],
)
async def test_a_refusal_keeps_the_message_only(
    chat: Chat, provider: FakeProvider, session: Session, status: int, named: str, code: str
) -> None:
    provider.refuses(status, named, **{"Retry-After": "7"})
    last = ended(await send(chat, session, "Hi"))
    assert (last.code, last.retry_after_s) == (code, 7.0)
    assert await stored(session) == [("user", "Hi", "completed")]
    assert await reply_status() == "failed"


async def test_without_a_key_it_is_refused(
    chat: Chat, session: Session, settings: Settings
) -> None:
    settings.OPENAI_API_KEY = ""
    assert ended(await send(chat, session, "Hi")).code == "chat_refused"


async def test_of_two_tabs_one_gets_its_answer(chat: Chat, session: Session) -> None:
    results = await asyncio.gather(
        *(chat.open(session.id, session.user_id, name) for name in ("m1", "m2")),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["OpenedReply", "ReplyRefused"]


async def test_a_call_that_opens_stops_the_answer_first_and_knows_what_came(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    answer = await begun(chat, provider, session)
    call = await chat._runtime._open(session.id, session.user_id, MODELS)
    assert [item.text for item in call.past] == ["Hi", "Hello"]
    assert (await turn_after(answer)).status == "interrupted"
    with pytest.raises(ReplyRefused, match="call_live"):
        await chat.open(session.id, session.user_id, "m2")


async def test_a_call_of_a_stranger_does_not_stop_it(
    chat: Chat, provider: FakeProvider, session: Session, stranger: User
) -> None:
    answer = await begun(chat, provider, session)
    await chat._runtime._end_reply(session.id, stranger.pk)
    assert len(chat._runtime.replies) == 1
    await answer.aclose()


async def test_a_call_that_another_process_opens_stops_the_answer_too(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    answer = await begun(chat, provider, session)
    await sync_to_async(new_call)(session)
    assert (await turn_after(answer)).status == "interrupted"


async def test_a_process_that_was_presumed_dead_does_not_write_over_a_later_attempt(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    answer = await begun(chat, provider, session)
    await sync_to_async(Reply.objects.update)(attempt=2)
    last = await anext(answer)
    assert isinstance(last, Ended)
    assert (last.turn, last.code) == (None, "reply_running")
    assert await reply_status() == "in_progress"
    await chat._runtime.flush_session(session.id)
    assert await Usage.objects.filter(is_estimated=True).acount() == 1


async def test_a_server_that_stops_keeps_what_came(
    chat: Chat, provider: FakeProvider, session: Session
) -> None:
    await begun(chat, provider, session)
    assert await chat._runtime.stop(2)
    assert (await stored(session))[1] == ("assistant", "Hello", "interrupted")


async def test_no_words_are_logged(
    chat: Chat, provider: FakeProvider, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="backend")
    provider.answers(created(), delta("a secret answer"), failed("server_error"))
    await send(chat, session, "a secret question")
    assert "reply.failed" in caplog.text
    assert "secret" not in caplog.text
