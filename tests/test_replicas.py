"""Two server processes over one database: one call per session, control messages, healing.

A process is a `Runtime`: what a process knows, and another does not, is in it. The heartbeat is
either called by the test or far away, so that what happens in between is Redis' work.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import pytest
import redis.asyncio
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from pytest_django.fixtures import Settings

from backend import runtime
from backend.accounts import tickets, tokens
from backend.accounts.credentials import Credential
from backend.conversations import control, lifecycle
from backend.conversations.models import Call, Session
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.redis_client import PAUSE_S, redis_at
from tests.cast import client_of
from tests.redis import RedisServer
from tests.relay.doubles import Client
from tests.relay.equipment import frame, item_event
from tests.test_runtime import RuntimeHarness, soon

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, databases=tuple(django_settings.DATABASES)),
]


@pytest.fixture
def session() -> Session:
    user = User.objects.create_user("owner")
    tokens.key_for(user)
    return Session.objects.create(
        user=user, voice="marin", language="ja", provider="openai", model="gpt-realtime"
    )


@asynccontextmanager
async def running_replica() -> AsyncIterator[RuntimeHarness]:
    replica = RuntimeHarness()
    try:
        yield replica
    finally:
        for call in replica.calls:
            call.cancel()
        await asyncio.gather(*replica.calls, return_exceptions=True)
        await replica.runtime.stop(2)
        replica.database.close()
        assert not any(provider.is_open for provider in replica.providers)


@pytest.fixture
async def replicas(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[RuntimeHarness]]:
    """Two processes without Redis, whose heartbeats are in the test's hands.

    Nor do they ask for what others request, so that what happens at once is Redis' work.
    """
    monkeypatch.setattr(runtime, "HEARTBEAT_S", 600)
    monkeypatch.setattr(runtime, "CONTROL_POLL_S", 600)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_replica()) for _ in range(2)]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
async def joined(
    redis_server: RedisServer, settings: Settings, replicas: list[RuntimeHarness]
) -> list[RuntimeHarness]:
    """The same two with Redis, both of them listening."""
    settings.REDIS_URL = redis_server.url
    for replica in replicas:
        replica.runtime.start()
    await listening(redis_server, 2)
    return replicas


async def listening(server: RedisServer, count: int) -> None:
    """Wait until this many processes listen to the control messages."""
    async with asyncio.timeout(10), redis.asyncio.Redis.from_url(server.url) as client:
        while (await client.pubsub_numsub(control.CHANNEL))[0][1] != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def relays(replica: RuntimeHarness, client: Client, text: str) -> None:
    """Wait until a frame of the provider, which is not kept, has reached the client."""
    replica.providers[-1].send_frame(frame(type="a.new.event", event_id="event_1", text=text))
    await soon(lambda: any(text in received for received in client.received))


async def new_credential(replica: RuntimeHarness, session: Session) -> Credential:
    issued = await replica.database.run(tickets.issue, session.user_id, session.pk)
    return Credential("ticket", issued.ticket)


def serve(
    replica: RuntimeHarness, session: Session, credential: Credential
) -> asyncio.Task[Ending]:
    """Begin a call in this process, without waiting until it is ready."""
    call = asyncio.create_task(replica.runtime.serve_call(session.pk, credential, Client()))
    replica.calls.append(call)
    return call


async def begin(replica: RuntimeHarness, session: Session) -> asyncio.Task[Ending]:
    """Begin a call with a ticket of its own."""
    return serve(replica, session, await new_credential(replica, session))


async def open_call_ids(replica: RuntimeHarness) -> list[object]:
    calls = Call.objects.filter(ended_at=None)
    return await replica.database.run(lambda: list(calls.values_list("pk", flat=True)))


# Without Redis: within half a second


@pytest.fixture
async def polling(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[RuntimeHarness]]:
    """Two processes without Redis that ask for what others request, at once."""
    monkeypatch.setattr(runtime, "HEARTBEAT_S", 600)
    monkeypatch.setattr(runtime, "CONTROL_POLL_S", 0.02)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_replica()) for _ in range(2)]


async def test_without_redis_too_another_process_takes_over_with_all_that_was_said(
    polling: list[RuntimeHarness], session: Session
) -> None:
    await takes_over_with_all_that_was_said(polling, session)


async def takes_over_with_all_that_was_said(
    replicas: list[RuntimeHarness], session: Session
) -> None:
    """Begin a call in each process. The second is given what was said just before it began: a
    whole turn, and the words of an answer so far.
    """
    first, second = replicas
    older = await first.call(session)
    said = [{"type": "input_text", "text": "Good morning."}]
    provider = first.providers[0]
    provider.send_frame(item_event("done", "item_a", status="completed", content=said))
    provider.send_frame(
        frame(
            type="response.output_text.delta", event_id="event_1", response_id="resp_1",
            item_id="item_b", output_index=0, content_index=0, delta="Half an",
        )
    )  # fmt: skip
    await soon(lambda: "Half an" in older.received[-1])
    await begin(second, session)
    assert await first.ended() is Ending.TAKEN_OVER
    assert older.closed == (4409, "taken_over")
    for text in ("Good morning.", "Half an"):
        await soon(lambda: second.providers)
        await soon(lambda text=text: any(text in each for each in second.providers[0].received))
    assert await second.endings(session) == ["taken_over", ""]


async def test_without_redis_an_operator_ends_a_call_of_another_process(
    polling: list[RuntimeHarness], session: Session
) -> None:
    await polling[0].call(session)
    (call_id,) = polling[0].runtime.live.call_ids()
    assert await polling[1].database.run(control.request_end, UUID(call_id))
    assert await polling[0].ended() is Ending.COMPLETED


async def test_a_process_that_does_not_ask_is_waited_for_no_longer_than_a_moment(
    replicas: list[RuntimeHarness], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "TAKE_OVER_WAIT_S", 0.1)
    first, second = replicas
    older = await first.call(session)
    await second.call(session)
    assert not first.calls[0].done()
    await first.runtime.heartbeat()
    assert await first.ended() is Ending.TAKEN_OVER
    assert older.closed == (4409, "taken_over")
    await second.runtime.heartbeat()
    assert not second.calls[0].done()
    assert await second.endings(session) == ["taken_over", ""]


async def test_a_call_of_another_process_ends_at_its_heartbeat(
    replicas: list[RuntimeHarness], session: Session
) -> None:
    first, second = replicas
    client = await first.call(session)
    (call_id,) = first.runtime.live.call_ids()
    assert await second.database.run(control.request_end, UUID(call_id))
    await second.runtime.heartbeat()
    assert not first.calls[0].done()
    await first.runtime.heartbeat()
    assert await first.ended() is Ending.COMPLETED
    assert client.closed == (1000, "completed")
    assert not await second.database.run(control.request_end, UUID(call_id))


# With Redis: at once


async def test_another_process_takes_over_at_once_with_all_that_was_said(
    joined: list[RuntimeHarness], session: Session
) -> None:
    await takes_over_with_all_that_was_said(joined, session)


async def test_of_concurrent_calls_on_both_processes_one_remains(
    joined: list[RuntimeHarness], session: Session
) -> None:
    opening = [await begin(replica, session) for replica in joined * 3]
    await soon(lambda: [call.done() for call in opening].count(False) == 1)
    await soon(lambda: sum(len(replica.runtime.live.call_ids()) for replica in joined) == 1)
    assert len(await open_call_ids(joined[0])) == 1


async def _revoke(session: Session) -> None:
    await asyncio.to_thread(closing(tokens.revoke), session.user_id)


async def _disable_user(session: Session) -> None:
    def disable(user_id: int) -> None:
        user = User.objects.get(pk=user_id)
        user.is_active = False
        user.save()

    await asyncio.to_thread(closing(disable), session.user_id)


async def _close_session(session: Session) -> None:
    def close(user_id: int) -> None:
        client = client_of(User.objects.get(pk=user_id))
        client.patch(f"/api/sessions/{session.pk}/", {"status": "closed"}, format="json")

    await asyncio.to_thread(closing(close), session.user_id)


async def _delete_session(session: Session) -> None:
    await asyncio.to_thread(closing(lambda _: Session.objects.get(pk=session.pk).delete()), 0)


async def _delete_user(session: Session) -> None:
    await asyncio.to_thread(closing(lambda key: User.objects.get(pk=key).delete()), session.user_id)


async def _end_call(session: Session) -> None:
    def end(_: int) -> None:
        control.request_end(Call.objects.get(session=session).pk, Ending.IDLE)

    await asyncio.to_thread(closing(end), 0)


def closing(work: Callable[[int], object]) -> Callable[[int], None]:
    """Work for a thread, which leaves no connection open."""

    def run(argument: int) -> None:
        try:
            work(argument)
        finally:
            connection.close()

    return run


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        (_revoke, Ending.REVOKED),
        (_disable_user, Ending.REVOKED),
        (_close_session, Ending.COMPLETED),
        (_delete_session, Ending.COMPLETED),
        (_delete_user, Ending.COMPLETED),
        (_end_call, Ending.IDLE),
    ],
)
async def test_a_change_in_one_process_ends_the_call_of_another_at_once(
    joined: list[RuntimeHarness],
    session: Session,
    change: Callable[[Session], Awaitable[None]],
    ending: Ending,
) -> None:
    await joined[0].call(session)
    await change(session)
    # The next heartbeat is far away.
    assert await joined[0].ended() is ending


async def test_a_message_that_is_faster_than_the_opening_is_not_lost(
    joined: list[RuntimeHarness], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = joined[0].runtime
    open_call = lifecycle.open_call

    def open_and_end(*arguments: object, **more: object) -> lifecycle.OpenedCall:
        opened = open_call(*arguments, **more)  # type: ignore[arg-type]
        control.request_end(opened.call_id)
        # The thread returns only after the message has arrived.
        while opened.call_id not in first._early_ids:
            time.sleep(0.001)
        return opened

    monkeypatch.setattr(lifecycle, "open_call", open_and_end)
    async with asyncio.timeout(10):
        assert await (await begin(joined[0], session)) is Ending.COMPLETED


async def test_a_message_that_is_not_ours_changes_nothing(
    joined: list[RuntimeHarness], redis_server: RedisServer, session: Session
) -> None:
    client = await joined[0].call(session)
    async with redis.asyncio.Redis.from_url(redis_server.url) as publisher:
        for text in ("", "{", "null", "[1]", '["no id"]', '{"a": 1}', "[" * 100_000):
            assert await publisher.publish(control.CHANNEL, text) == 2
    await relays(joined[0], client, "Still here.")


async def test_one_ticket_admits_once_in_all_processes(
    joined: list[RuntimeHarness], session: Session
) -> None:
    credential = await new_credential(joined[0], session)
    calls = [serve(replica, session, credential) for replica in joined]
    await soon(lambda: any(call.done() for call in calls))
    await soon(lambda: sum(len(replica.runtime.live.call_ids()) for replica in joined) == 1)
    (refused,) = [call for call in calls if call.done()]
    assert isinstance(refused.exception(), AdmissionRefused)


# Redis dies, hangs and comes back under a running call


async def test_a_call_survives_a_killed_redis_and_control_comes_back(
    joined: list[RuntimeHarness], redis_server: RedisServer, session: Session
) -> None:
    first, second = joined
    client = await first.call(session)
    redis_server.kill()
    await relays(first, client, "Without Redis.")
    redis_server.start()
    await listening(redis_server, 2)
    await relays(first, client, "With Redis again.")
    await _revoke(session)
    assert await first.ended() is Ending.REVOKED


async def test_what_was_published_while_redis_was_away_is_read_when_it_is_back(
    joined: list[RuntimeHarness], redis_server: RedisServer, session: Session
) -> None:
    first, second = joined
    await first.call(session)
    (call_id,) = first.runtime.live.call_ids()
    redis_server.kill()
    assert await second.database.run(control.request_end, UUID(call_id))
    assert not first.calls[0].done()
    shared = redis_at(redis_server.url)
    assert shared.circuit.is_open
    redis_server.start()
    assert await first.ended() is Ending.COMPLETED
    # The next message need not wait for the circuit's pause.
    assert not shared.circuit.is_open


async def test_with_a_hung_redis_calls_open_go_on_and_end(
    joined: list[RuntimeHarness], redis_server: RedisServer, session: Session
) -> None:
    first, second = joined
    older = await first.call(session)
    redis_server.pause()
    try:
        await relays(first, older, "Redis hangs.")
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        newer = await second.call(session)
        # One attempt, and a short wait for the end, which the other process does not know of.
        assert loop.time() - began_s < PAUSE_S
        await first.runtime.heartbeat()
        assert await first.ended() is Ending.TAKEN_OVER
        await relays(second, newer, "It still hangs.")
    finally:
        redis_server.resume()
    newer.leave()
    assert await second.ended() is Ending.CLIENT_LEFT
