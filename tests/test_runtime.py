"""Live objects from settings; the runtime with a real database and fake providers."""

import asyncio
import functools
import json
import logging
import stat
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.models.functions import Now
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django.fixtures import Settings

from backend import runtime as runtime_module
from backend.accounts import credentials, tickets, tokens
from backend.accounts.credentials import Credential
from backend.conversations import lifecycle, spool_replay
from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.jobs import SCHEDULE
from backend.conversations.lifecycle import OpenedCall
from backend.conversations.models import Call, Session, Turn, Usage
from backend.conversations.writing import Write, Written
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.protocol.transcript import turns
from backend.relay.call import SteadyClock
from backend.relay.limits import Limits
from backend.relay.plan import replays_of, session_update_of
from backend.relay.ports import ClientGone
from backend.runtime import (
    INSTRUCTIONS,
    HeartbeatWork,
    Runtime,
    limits_for,
    plan_for,
    runtime,
    tape_for,
    target_for,
)
from backend.spending.models import Budget
from backend.telemetry.counters import COUNTERS
from backend.upstream.providers import PROVIDERS, interface
from backend.upstream.target import Target
from tests.azure import AZURE_URL, configure_azure
from tests.relay.doubles import Client, Provider
from tests.relay.equipment import (
    PAST,
    item_event,
    plan,
    response_created,
    response_done,
    typed,
    updated,
    words,
)


def opened(**changes: Any) -> OpenedCall:
    fields: dict[str, Any] = {
        "call_id": uuid4(),
        "session_id": uuid4(),
        "language": "ja",
        "voice": "cedar",
        "provider": "openai",
        "model": "gpt-realtime",
        "transcription_model": "gpt-transcribe",
        "first_position": 0,
        "past": PAST,
    }
    return OpenedCall(**fields | changes)


def test_the_safety_identifier_does_not_reveal_the_user(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    names = {target_for(user_id).safety_identifier for user_id in (1, 2)}
    assert len(names) == 2
    assert all(len(name) == 64 and int(name, 16) for name in names)
    assert target_for(1).safety_identifier in names
    settings.SECRET_KEY = "another-key-" + "0" * 40
    assert target_for(1).safety_identifier not in names


def test_a_target_is_what_the_settings_say(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    settings.REALTIME_MODEL = "my-deployment"
    settings.UPSTREAM_PROXY = ""
    target = target_for(1)
    assert (target.base_url, target.model, target.proxy) == (
        "http://127.0.0.1:9/v1",
        "my-deployment",
        None,
    )


def test_a_plan_is_what_the_session_and_the_settings_say(settings: Settings) -> None:
    settings.INSTRUCTIONS = ""
    settings.TURN_DETECTION = "semantic_vad"
    call = opened()
    openai = PROVIDERS["openai"]
    made = plan_for(call, openai)
    assert made.call_id == str(call.call_id)
    assert (made.language, made.voice, made.past) == ("ja", "cedar", PAST)
    assert made.session["instructions"] == INSTRUCTIONS["ja"]
    assert made.session["audio"]["input"]["turn_detection"]["type"] == "semantic_vad"
    assert made.session["audio"]["output"]["voice"] == "cedar"
    assert plan_for(opened(voice="sage"), openai).voice == "sage"
    settings.INSTRUCTIONS = "Be brief."
    assert plan_for(call, openai).session["instructions"] == "Be brief."
    settings.HISTORY_TOKENS = 7
    assert plan_for(call, openai).history_tokens == 7


def test_the_settings_bound_how_long_a_call_lasts(settings: Settings) -> None:
    limits = Limits(idle_s=7.0)
    assert limits_for(limits) == limits
    settings.MAX_CALL_MINUTES = 55
    assert limits_for(limits) == Limits(idle_s=7.0, longest_call_s=3300.0)


def test_a_call_after_typing_replays_the_text_and_answers_by_voice() -> None:
    made = plan_for(opened(past=PAST), PROVIDERS["openai"])
    update = json.loads(session_update_of(made))
    assert update["session"]["output_modalities"] == ["audio"]
    parts = [
        json.loads(replay.text)["item"]["content"][0]["type"] for replay in replays_of(made.past)
    ]
    assert parts == ["input_text", "output_text"]


async def test_the_cost_of_replayed_usages_is_counted(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    stored = Written(costs=(("replayed-model", Decimal("0.5")), ("replayed-model", None)))

    def replay(*_: object, announce: spool_replay.Announce, **__: object) -> None:
        announce(stored)

    monkeypatch.setattr(spool_replay, "replay", replay)
    one = Runtime()
    one.start()
    async with asyncio.timeout(5):
        while "replayed-model" not in COUNTERS.cost_usd:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert COUNTERS.cost_usd["replayed-model"] == Decimal("0.5")
    assert COUNTERS.unpriced_usages["replayed-model"] == 1
    await one.stop(1)


async def test_heartbeats_go_on_while_their_work_waits_for_a_provider(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    begun, beats = [], []
    three_beats = asyncio.Event()

    async def wait(of: Runtime) -> None:
        begun.append(of)
        await asyncio.Event().wait()

    async def beat() -> None:
        beats.append(len(begun))
        if len(beats) == 3:
            three_beats.set()

    one = Runtime()
    monkeypatch.setattr(runtime_module, "HEARTBEAT_WORK", [HeartbeatWork(lambda: True, wait)])
    monkeypatch.setattr(runtime_module, "HEARTBEAT_S", 0.001)
    monkeypatch.setattr(spool_replay, "replay", lambda *_, **__: None)
    monkeypatch.setattr(one, "heartbeat", beat)
    one.start()
    async with asyncio.timeout(5):
        await three_beats.wait()
        await one.stop(1)
    assert begun == [one], "none is started while an earlier one runs"
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_tape_is_made_only_where_one_is_wanted(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TAPE_DIR = ""
    tape_for(plan(), SteadyClock()).close()
    settings.TAPE_DIR = str(tmp_path / "tapes")
    tape_for(plan(), SteadyClock()).close()
    (path,) = (tmp_path / "tapes").iterdir()
    assert path.name == f"{plan().call_id}.jsonl"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text())["plan"]["call_id"] == plan().call_id
    # The file exists already: no tape is made, and the call goes on.
    tape_for(plan(), SteadyClock()).close()
    assert "tape.not_made" in caplog.text


def test_a_process_has_one_runtime() -> None:
    assert runtime() is runtime()


# The runtime with a real database and fake providers


class Listener:
    """Remembers what was announced to it."""

    def __init__(self) -> None:
        self.turns: list[tuple[UUID, str]] = []
        self.endings: list[tuple[UUID, Ending]] = []

    def wants_turns(self, turns: Sequence[turns.Turn], *, is_untitled: bool) -> bool:
        return True

    def on_turns_kept(self, session_id: UUID, turns: Sequence[turns.Turn]) -> None:
        self.turns.extend((session_id, each.text) for each in turns)

    def on_call_ended(self, call_id: UUID, ending: Ending) -> None:
        self.endings.append((call_id, ending))


class RuntimeHarness:
    """A Runtime with one fake provider per call, and a thread to read the database."""

    def __init__(self) -> None:
        self.providers: list[Provider] = []
        self.targets: list[Target] = []
        self.asked: list[interface.Provider] = []
        self.listener = Listener()
        self.runtime = Runtime(self._connect, listeners=[self.listener])
        self.database = DatabaseExecutor(threads=1)
        self.calls: list[asyncio.Task[Ending]] = []

    async def _connect(self, asked: interface.Provider, target: Target) -> Provider:
        provider = Provider()
        self.asked.append(asked)
        self.targets.append(target)
        self.providers.append(provider)
        provider.send_frame(updated())
        return await provider.connect()

    async def call(self, session: Session) -> Client:
        """Open a call with a ticket and wait for `relay.ready`."""
        issued = await self.database.run(tickets.issue, session.user_id, session.pk)
        client = Client()
        holding = self.runtime.serve_call(session.pk, Credential("ticket", issued.ticket), client)
        self.calls.append(asyncio.create_task(holding))
        await soon(lambda: "relay.ready" in client.types())
        return client

    async def ended(self, index: int = -1) -> Ending:
        async with asyncio.timeout(10):
            return await self.calls[index]

    async def endings(self, session: Session) -> list[str]:
        def look() -> list[str]:
            calls = Call.objects.filter(session=session).order_by("first_position")
            return list(calls.values_list("ending", flat=True))

        return await self.database.run(look)


async def soon(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (it is the runtime's tasks that bring it about)
            await asyncio.sleep(0.005)


@pytest.fixture
def session(transactional_db: None) -> Session:
    user = User.objects.create_user("owner")
    tokens.key_for(user)
    return Session.objects.create(user=user, language="en")


@pytest.fixture
async def harness() -> AsyncIterator[RuntimeHarness]:
    harness = RuntimeHarness()
    yield harness
    for call in harness.calls:
        call.cancel()
    await asyncio.gather(*harness.calls, return_exceptions=True)
    await harness.runtime.stop(2)
    harness.database.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not any(provider.is_open for provider in harness.providers)


async def test_a_call_goes_to_the_provider_of_its_session(
    harness: RuntimeHarness, session: Session, settings: Settings
) -> None:
    configure_azure(settings)
    for name, model in (("azure", "voice-eu"), ("openai", "gpt-realtime")):
        await Session.objects.aupdate(provider=name)
        client = await harness.call(session)
        assert (harness.targets[-1].model, harness.asked[-1].name) == (model, name)
        client.leave()
        assert await harness.ended() is Ending.CLIENT_LEFT
    assert [target.base_url for target in harness.targets] == [AZURE_URL, settings.OPENAI_BASE_URL]

    def look() -> list[Any]:
        calls = Call.objects.order_by("first_position")
        return list(calls.values_list("provider", "model", "transcription_model"))

    assert await harness.database.run(look) == [
        ("azure", "voice-eu", "words-eu"), ("openai", "gpt-realtime", "gpt-transcribe"),
    ]  # fmt: skip


async def test_a_session_whose_provider_has_no_settings_is_asked_without_a_key(
    harness: RuntimeHarness, session: Session
) -> None:
    await Session.objects.aupdate(provider="azure")
    client = await harness.call(session)
    # `upstream.connector` refuses this, and sends nothing.
    assert (harness.targets[-1].api_key, harness.asked[-1].name) == ("", "azure")
    client.leave()
    await harness.ended()
    assert (await harness.database.run(Session.objects.get)).provider == "azure"


async def test_a_calls_turns_are_stored_and_announced(
    harness: RuntimeHarness, session: Session
) -> None:
    client = await harness.call(session)
    provider = harness.providers[0]
    provider.send_frame(response_created())
    provider.send_frame(item_event("added", "item_a", None, "assistant"))
    provider.send_frame(words("item_a", "Good morning."))
    await soon(lambda: len(client.received) == 5)
    client.leave()
    assert await harness.ended() is Ending.CLIENT_LEFT

    def look() -> list[tuple[str, str]]:
        return list(Turn.objects.filter(session=session).values_list("text", "status"))

    assert await harness.database.run(look) == [("Good morning.", "interrupted")]
    assert await harness.endings(session) == ["client_left"]
    assert harness.runtime.live.count == 0
    (call_id,) = await harness.database.run(lambda: list(Call.objects.values_list("pk", flat=True)))
    await soon(lambda: harness.listener.endings == [(call_id, Ending.CLIENT_LEFT)])
    assert (session.pk, "Good morning.") in harness.listener.turns


async def test_a_newer_call_of_the_session_takes_over(
    harness: RuntimeHarness, session: Session
) -> None:
    older = await harness.call(session)
    newer = await harness.call(session)
    assert await harness.ended(0) is Ending.TAKEN_OVER
    assert older.closed == (4409, "taken_over")
    assert not harness.providers[0].is_open
    assert harness.providers[1].is_open
    newer.leave()
    await harness.ended(1)
    assert await harness.endings(session) == ["taken_over", "client_left"]


async def test_an_earlier_attempt_of_a_page_that_has_connected_again_takes_nothing_over(
    harness: RuntimeHarness, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is slow for the earlier one, whose client has left meanwhile."""
    may_read, reading = threading.Event(), threading.Event()
    user_of = credentials.user_of

    def slowly(credential: Credential, session_id: UUID) -> int:
        reading.set()
        may_read.wait()
        return user_of(credential, session_id)

    tickets_of_both = [
        await harness.database.run(tickets.issue, session.user_id, session.pk) for _ in range(2)
    ]
    earlier, later = ((Client(), Credential("ticket", each.ticket)) for each in tickets_of_both)
    monkeypatch.setattr(credentials, "user_of", slowly)
    attempt = asyncio.create_task(harness.runtime.serve_call(session.pk, earlier[1], earlier[0]))
    await soon(reading.is_set)
    monkeypatch.setattr(credentials, "user_of", user_of)
    harness.calls.append(
        asyncio.create_task(harness.runtime.serve_call(session.pk, later[1], later[0]))
    )
    await soon(lambda: "relay.ready" in later[0].types())
    earlier[0].leave()
    may_read.set()
    with pytest.raises(ClientGone):
        await attempt
    assert later[0].closed is None
    assert await harness.endings(session) == [""]


@pytest.mark.parametrize(
    "refusal", [OperationalError("locked"), AdmissionRefused("session_unknown", Ending.FORBIDDEN)]
)
async def test_a_call_that_cannot_open_leaves_the_one_that_runs(
    harness: RuntimeHarness,
    session: Session,
    refusal: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = await harness.call(session)

    def refuse(*_: object) -> None:
        raise refusal

    monkeypatch.setattr(lifecycle, "check_can_open", refuse)
    token = await harness.database.run(tokens.key_for, session.user)
    with pytest.raises(type(refusal)):
        await harness.runtime.serve_call(session.pk, Credential("token", token), Client())
    assert harness.runtime.live.count == 1
    assert running.closed is None
    assert harness.providers[0].is_open


async def test_a_call_over_a_limit_opens_nothing_and_ends_nothing(
    harness: RuntimeHarness, session: Session, settings: Settings
) -> None:
    settings.MAX_CALLS_PER_USER, settings.CALLS_PER_HOUR = 1, 2
    running = await harness.call(session)
    token = await harness.database.run(tokens.key_for, session.user)
    other = await harness.database.run(
        functools.partial(Session.objects.create, user=session.user, language="en")
    )
    with pytest.raises(AdmissionRefused, match="too_many_calls"):
        await harness.runtime.serve_call(other.pk, Credential("token", token), Client())
    assert len(harness.providers) == 1
    assert harness.runtime.live.count == 1
    assert running.closed is None
    # A call of the same session takes over; it is not one more.
    newer = await harness.call(session)
    assert await harness.ended(0) is Ending.TAKEN_OVER
    newer.leave()
    await harness.ended(1)
    assert await harness.endings(other) == []


async def test_a_call_that_closes_makes_room_for_one_that_waits(
    harness: RuntimeHarness, session: Session, settings: Settings
) -> None:
    settings.MAX_CALLS_PER_USER = 1
    client = await harness.call(session)
    other = await harness.database.run(
        functools.partial(Session.objects.create, user=session.user, language="en")
    )
    client.send_frame(typed("Hello.", "item_a"))
    provider = harness.providers[0]
    await soon(lambda: provider.types()[-1] == "conversation.item.create")
    client.leave()
    await soon(lambda: harness.runtime.live.states()["closing"] == 1)
    opening = asyncio.create_task(harness.call(other))
    await soon(lambda: harness.runtime.live.states()["opening"] == 1)
    content = [{"type": "input_text", "text": "Hello."}]
    provider.send_frame(item_event("added", "item_a", content=content))
    await opening
    assert await harness.endings(session) == ["client_left"]
    assert await harness.endings(other) == [""]


async def test_a_strangers_token_does_not_end_a_call(
    harness: RuntimeHarness, session: Session
) -> None:
    await harness.call(session)
    stranger = await harness.database.run(User.objects.create_user, "stranger")
    token = await harness.database.run(tokens.key_for, stranger)
    with pytest.raises(AdmissionRefused, match="session_unknown"):
        await harness.runtime.serve_call(session.pk, Credential("token", token), Client())
    assert harness.runtime.live.count == 1
    assert harness.providers[0].is_open


def _block_writes(harness: RuntimeHarness) -> threading.Event:
    """Make the database stuck until the returned event is set; `finish` does not wait for it."""
    may_write = threading.Event()
    recorder = harness.runtime._recorder
    write, recorder.finish_wait_s = recorder._write, 0

    def write_later(pieces: Sequence[Write]) -> Written:
        may_write.wait()
        return write(pieces)

    recorder._write = write_later
    return may_write


async def test_a_call_begins_with_all_that_was_said_before_it(
    harness: RuntimeHarness, session: Session
) -> None:
    may_write = _block_writes(harness)
    client = await harness.call(session)
    said = {"type": "input_text", "text": "Are you there?"}
    harness.providers[0].send_frame(
        item_event("done", "item_a", status="completed", content=[said])
    )
    await soon(lambda: len(client.received) == 2)
    client.leave()
    await harness.ended()

    issued = await harness.database.run(tickets.issue, session.user_id, session.pk)
    holding = harness.runtime.serve_call(session.pk, Credential("ticket", issued.ticket), Client())
    harness.calls.append(asyncio.create_task(holding))
    await soon(lambda: harness.runtime.live.count == 1)
    may_write.set()
    await soon(lambda: any("Are you there?" in text for text in harness.providers[-1].received))


async def test_a_revoked_login_ends_its_calls_at_the_next_heartbeat(
    harness: RuntimeHarness, session: Session
) -> None:
    client = await harness.call(session)
    await harness.runtime.heartbeat()
    assert not harness.calls[0].done()
    await harness.database.run(tokens.revoke, session.user_id)
    await harness.runtime.heartbeat()
    assert await harness.ended() is Ending.REVOKED
    assert client.closed == (4401, "revoked")
    assert await harness.endings(session) == ["revoked"]


async def test_a_budget_warns_and_ends_a_call_at_a_heartbeat_and_a_raised_one_does_not(
    harness: RuntimeHarness, session: Session
) -> None:
    def spend(usd: str, limit: str) -> None:
        Budget.objects.update_or_create(
            scope="user", user=session.user, defaults={"usd_per_month": limit}
        )
        Usage.objects.create(
            user=session.user, source_id=usd, kind="response", model="gpt-realtime",
            cost_usd=usd, price_date=timezone.now(),
        )  # fmt: skip

    client = await harness.call(session)
    await harness.runtime.update_budgets()
    for usd, limit in (("0.8", "1"), ("0.2", "10"), ("9", "10")):
        await harness.database.run(spend, usd, limit)
        await harness.runtime.update_budgets()
    assert await harness.ended() is Ending.BUDGET_SPENT
    assert client.closed == (4429, "budget_spent")
    heard = [event for event in client.events() if event["type"] == "relay.budget"]
    assert [event["level"] for event in heard] == ["warning", "ok", "spent"]
    with pytest.raises(AdmissionRefused, match="budget_spent"):
        token = await harness.database.run(tokens.key_for, session.user)
        await harness.runtime.serve_call(session.pk, Credential("token", token), Client())
    assert len(harness.providers) == 1


async def test_the_calls_of_dead_workers_are_reaped(
    harness: RuntimeHarness, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    def die() -> None:
        long_ago = timezone.now() - timedelta(minutes=5)
        Call.objects.create(
            session=session,
            worker="dead:1",
            model="gpt-realtime",
            first_position=0,
            started_at=long_ago,
            lease_until=Now() - timedelta(minutes=4),
        )

    await harness.database.run(die)
    with caplog.at_level(logging.WARNING):
        await harness.runtime.heartbeat()
    assert await harness.endings(session) == ["interrupted"]
    assert "calls.reaped" in caplog.text
    await soon(lambda: len(harness.listener.endings) == 1)
    assert harness.listener.endings[0][1] is Ending.INTERRUPTED


async def test_a_dead_call_that_a_new_one_ends_is_announced(
    harness: RuntimeHarness, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Or the heartbeat may be faster.
    monkeypatch.setattr(lifecycle, "reap", lambda: [])

    def die() -> UUID:
        long_ago = timezone.now() - timedelta(minutes=5)
        call = Call.objects.create(
            session=session,
            worker="dead:1",
            model="gpt-realtime",
            first_position=-100_000,
            started_at=long_ago,
            lease_until=long_ago + timedelta(minutes=1),
        )
        return call.pk

    dead = await harness.database.run(die)
    await harness.call(session)
    await soon(lambda: harness.listener.endings == [(dead, Ending.INTERRUPTED)])


async def test_what_a_heartbeat_has_found_is_done_although_its_rest_fails(
    harness: RuntimeHarness, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[UUID]:
        raise OperationalError

    await harness.call(session)
    await harness.database.run(tokens.revoke, session.user_id)
    monkeypatch.setattr(lifecycle, "reap", fail)
    with pytest.raises(OperationalError):
        await harness.runtime.heartbeat()
    assert await harness.ended() is Ending.REVOKED


async def test_an_idle_heartbeat_goes_once_to_a_database_thread(
    harness: RuntimeHarness, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = list[str]()
    run = DatabaseExecutor.run

    async def counted(self: DatabaseExecutor, work: Any, *args: Any, **options: Any) -> Any:
        runs.append(work.__name__)
        return await run(self, work, *args, **options)

    monkeypatch.setattr(runtime_module, "HEARTBEAT_S", 0.001)
    monkeypatch.setattr(harness.runtime, "_poll_control", asyncio.Event().wait)
    monkeypatch.setattr(spool_replay, "replay", lambda *_, **__: None)
    await harness.call(session)
    await harness.runtime.heartbeat()
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseExecutor, "run", counted)
        await soon(lambda: len(runs) > 3)
    assert set(runs) == {"_beat"}


async def test_a_heartbeat_tells_of_budgets_while_there_are_some_and_once_they_are_gone(
    harness: RuntimeHarness, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def budget(usd: str) -> None:
        Budget.objects.update_or_create(scope="everybody", defaults={"usd_per_month": usd})

    def spend() -> None:
        Usage.objects.create(
            user=session.user, source_id="one", kind="response", model="gpt-realtime",
            cost_usd="0.8", price_date=timezone.now(),
        )  # fmt: skip

    def told() -> list[str]:
        return [event["level"] for event in client.events() if event["type"] == "relay.budget"]

    monkeypatch.setattr(runtime_module, "HEARTBEAT_S", 0.001)
    client = await harness.call(session)
    await harness.database.run(spend)
    await harness.database.run(budget, "1")
    await soon(lambda: told() == ["warning"])
    await harness.database.run(Budget.objects.all().delete)
    await soon(lambda: told() == ["warning", "ok"])


async def test_work_of_packages_is_done_when_it_is_due(
    harness: RuntimeHarness, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, done, is_due = list[bool](), list[Runtime](), [False]

    def ask() -> bool:
        asked.append(is_due[0])
        return is_due[0]

    async def work(of: Runtime) -> None:
        done.append(of)

    monkeypatch.setattr(runtime_module, "HEARTBEAT_S", 0.001)
    monkeypatch.setattr(runtime_module, "HEARTBEAT_WORK", [HeartbeatWork(ask, work)])
    harness.runtime.start()
    await soon(lambda: len(asked) > 3)
    assert done == []
    is_due[0] = True
    await soon(lambda: done)
    assert done[0] is harness.runtime


async def test_a_package_that_cannot_say_whether_work_is_due_stops_nothing_else(
    harness: RuntimeHarness, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, checked = list[Runtime](), list[None]()

    def fail() -> bool:
        raise OperationalError

    async def work(of: Runtime) -> None:
        done.append(of)

    monkeypatch.setattr(runtime_module, "HEARTBEAT_WORK", [HeartbeatWork(fail, work)])
    monkeypatch.setattr(runtime_module, "check_pools", lambda: checked.append(None))
    await harness.runtime.heartbeat()
    assert checked == [None]
    assert await harness.database.run(DBTaskResult.objects.count) == len(SCHEDULE)
    harness.runtime.start()
    await soon(lambda: done)


async def test_the_heartbeat_enqueues_each_periodic_job_once(
    harness: RuntimeHarness, session: Session
) -> None:
    for _ in range(3):
        await harness.runtime.heartbeat()
    assert await harness.database.run(DBTaskResult.objects.count) == len(SCHEDULE)


@pytest.mark.parametrize(("has_spool", "wait_s"), [(True, 20.0), (False, 0.2)])
async def test_rows_that_a_stuck_database_does_not_take_are_spooled_or_logged_as_lost_at_stop(
    session: Session,
    settings: Settings,
    tmp_path: Path,
    has_spool: bool,
    wait_s: float,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # The stop waits hardly at all for the stuck database, and for the spool as long as it takes.
    monkeypatch.setattr("backend.conversations.recorder.STOP_FLUSH_SHARE", 0.001)
    (tmp_path / "file").touch()
    settings.SPOOL_DIR = str(tmp_path / ("spool" if has_spool else "file/spool"))
    harness = RuntimeHarness()
    may_write = _block_writes(harness)
    client = await harness.call(session)
    client.leave()
    await harness.ended()
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        assert await harness.runtime.stop(wait_s) is has_spool
        assert loop.time() - began < wait_s + 0.8
    finally:
        may_write.set()
        harness.database.close()
    assert ("recorder.stopped_early" in caplog.text) is not has_spool
    files = list(tmp_path.glob("spool/*.jsonl"))  # noqa: ASYNC240
    assert len(files) == has_spool


async def test_draining_waits_for_an_answer_and_admits_no_calls(
    harness: RuntimeHarness, session: Session
) -> None:
    client = await harness.call(session)
    provider = harness.providers[0]
    provider.send_frame(response_created())
    await soon(lambda: client.types()[-1] == "response.created")
    draining = asyncio.create_task(harness.runtime.drain(5))
    await soon(lambda: client.types()[-1] == "relay.draining")
    assert not harness.calls[0].done()
    issued = await harness.database.run(tickets.issue, session.user_id, session.pk)
    with pytest.raises(AdmissionRefused, match="draining"):
        await harness.runtime.serve_call(session.pk, Credential("ticket", issued.ticket), Client())
    provider.send_frame(response_done())
    assert await harness.ended() is Ending.DRAINING
    await draining
    assert client.closed == (1012, "draining")


async def test_a_plan_that_cannot_be_made_leaves_no_open_row(
    harness: RuntimeHarness, session: Session, settings: Settings
) -> None:
    del settings.VAD_THRESHOLD
    issued = await harness.database.run(tickets.issue, session.user_id, session.pk)
    with pytest.raises(AttributeError):
        await harness.runtime.serve_call(session.pk, Credential("ticket", issued.ticket), Client())
    assert await harness.endings(session) == ["internal"]
    assert harness.runtime.live.count == 0
