"""The recorder delays no call, writes within a second, and survives an absent database."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DataError, InternalError, OperationalError, transaction

from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.ledger import UsageWrite
from backend.conversations.lifecycle import OpenedCall, OpenedExchange
from backend.conversations.models import Call, Session, Turn, Usage
from backend.conversations.recorder import PIECE_PAUSE_S, PIECE_SIZE, RETRY_PAUSES_S, Recorder
from backend.conversations.spool import Spool
from backend.conversations.writing import EndingWrite, TurnWrite, Write, Written
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import TurnStatus
from backend.relay.ports import CallRecorder
from backend.telemetry.counters import ProcessCounters
from tests.conversations.equipment import (
    ending_write,
    new_call,
    new_session,
    turn,
    turn_write,
    usage_write,
)


class FakeDatabase:
    """Accepts batches; on request it is away for some of them, refuses a text, or blocks."""

    def __init__(self) -> None:
        self.batches: list[tuple[Write, ...]] = []
        self.away = 0
        self.error: Exception = OperationalError("database is locked")
        self.refused_text = ""
        self.costs: tuple[tuple[str, Decimal | None], ...] = ()
        self.taken = threading.Event()
        self.moving = threading.Event()
        self.moving.set()

    def write(self, writes: Sequence[Write]) -> Written:
        self.moving.wait()
        if self.away:
            self.away -= 1
            raise self.error
        if any(self._is_refused(each) for each in writes):
            raise DataError("the words themselves: a secret")
        self.batches.append(tuple(writes))
        self.taken.set()
        return Written(costs=self.costs)

    def _is_refused(self, each: Write) -> bool:
        return (
            bool(self.refused_text)
            and isinstance(each, TurnWrite)
            and self.refused_text in each.turn.text
        )

    @property
    def texts(self) -> list[str]:
        return [each.turn.text for each in self.writes if isinstance(each, TurnWrite)]

    @property
    def writes(self) -> list[Write]:
        return [each for batch in self.batches for each in batch]


class Pauses(list[float]):
    """A sleep that returns at once and records the seconds asked for."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


def new_opened_call(call_id: UUID | None = None) -> OpenedCall:
    return OpenedCall(
        call_id=call_id or uuid4(),
        session_id=uuid4(),
        language="en",
        voice="marin",
        provider="openai",
        model="gpt-realtime",
        transcription_model="gpt-transcribe",
        first_position=0,
        past=(),
    )


@pytest.fixture
def database() -> Iterator[FakeDatabase]:
    database = FakeDatabase()
    yield database
    # Its threads end also where a test has failed.
    database.moving.set()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def executor() -> Iterator[DatabaseExecutor]:
    executor = DatabaseExecutor(threads=1)
    yield executor
    executor.close()


@pytest.fixture
async def recorder(
    database: FakeDatabase, pauses: Pauses, executor: DatabaseExecutor
) -> AsyncIterator[Recorder]:
    recorder = Recorder(executor, sleep=pauses.sleep, write=database.write, finish_wait_s=0.05)
    yield recorder
    database.moving.set()
    await recorder.stop(2)


async def test_it_writes_turns_usages_and_the_ending(
    recorder: Recorder, database: FakeDatabase
) -> None:
    call = new_opened_call()
    kept: CallRecorder = recorder.for_call(call)
    kept.keep(turn())
    kept.count(usage.Usage("resp_1", "response", audio_out=3))
    await kept.finish(Ending.CLIENT_LEFT)
    assert database.writes == [
        turn_write(call, turn()),
        usage_write(call, usage.Usage("resp_1", "response", audio_out=3)),
        ending_write(call, Ending.CLIENT_LEFT),
    ]


async def test_only_the_newest_version_of_a_turn_is_written(
    recorder: Recorder, database: FakeDatabase
) -> None:
    kept = recorder.for_call(new_opened_call())
    for text in ("H", "He", "Hello"):
        kept.keep(turn(text=text, status=TurnStatus.IN_PROGRESS))
    await kept.finish(Ending.CLIENT_LEFT)
    assert database.texts == ["Hello"]


async def test_a_turn_is_written_within_a_second_without_a_flush(
    recorder: Recorder, database: FakeDatabase, pauses: Pauses
) -> None:
    recorder.for_call(new_opened_call()).keep(turn())
    assert await asyncio.to_thread(database.taken.wait, 5)
    assert sum(pauses) < 1


async def test_calls_share_a_transaction(recorder: Recorder, database: FakeDatabase) -> None:
    for number in range(50):
        recorder.for_call(new_opened_call()).keep(turn(f"item_{number}", position=number))
    assert await recorder.flush(5)
    assert len(database.batches) == 1


async def test_a_large_backlog_is_written_in_batches_and_in_order(
    recorder: Recorder, database: FakeDatabase
) -> None:
    kept = recorder.for_call(new_opened_call())
    for number in range(1200):
        kept.keep(turn(f"item_{number}", str(number), position=number))
    assert await recorder.flush(5)
    assert database.texts == [str(number) for number in range(1200)]


async def test_the_event_loop_runs_between_the_pieces_of_a_batch(
    recorder: Recorder, database: FakeDatabase, pauses: Pauses
) -> None:
    kept = recorder.for_call(new_opened_call())
    for number in range(2 * PIECE_SIZE + 10):
        kept.keep(turn(f"item_{number}", str(number), position=number))
    assert await recorder.flush(5)
    assert [len(each) for each in database.batches] == [PIECE_SIZE, PIECE_SIZE, 10]
    assert [each for each in pauses if each == PIECE_PAUSE_S] == [PIECE_PAUSE_S] * 2


async def test_a_call_waits_for_its_own_piece_only(
    database: FakeDatabase, executor: DatabaseExecutor
) -> None:
    is_between = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds == PIECE_PAUSE_S:
            is_between.set()
            await asyncio.Event().wait()

    recorder = Recorder(executor, sleep=sleep, write=database.write)
    first, second = (recorder.for_call(new_opened_call()) for _ in range(2))
    first.keep(turn("a"))
    for number in range(PIECE_SIZE):
        second.keep(turn(f"item_{number}", position=number))
    assert await first.flush(5)
    await is_between.wait()
    assert recorder.backlog_rows == 1
    assert not await recorder.stop(0.01)


async def test_a_piece_that_fails_leaves_those_before_it_stored_and_those_after_it_pending(
    executor: DatabaseExecutor, pauses: Pauses
) -> None:
    call = new_opened_call()
    database, attempts = FakeDatabase(), 0

    def write(writes: Sequence[Write]) -> Written:
        nonlocal attempts
        attempts += 1
        if attempts == 2:
            raise OperationalError("database is locked")
        return database.write(writes)

    recorder = Recorder(executor, sleep=pauses.sleep, write=write)
    kept = recorder.for_call(call)
    for number in range(3 * PIECE_SIZE):
        kept.keep(turn(f"item_{number}", str(number), position=number))
    await recorder.flush(5, lambda each: isinstance(each, TurnWrite) and each.turn.position == 0)
    # A newer version of what is stored, and one of what is pending.
    kept.keep(turn("item_0", "newer", position=0))
    kept.keep(turn(f"item_{PIECE_SIZE}", "newer too", position=PIECE_SIZE))
    assert await recorder.flush(5)
    texts = list(map(str, range(3 * PIECE_SIZE)))
    texts[PIECE_SIZE] = "newer too"
    assert database.texts == [*texts, "newer"]
    assert RETRY_PAUSES_S[0] in pauses
    await recorder.stop(2)


async def test_a_stuck_database_delays_no_call(
    recorder: Recorder, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s: list[float] = []
    flush = recorder.flush

    async def recorded_flush(wait_s: float, *selects: Callable[[Write], bool]) -> bool:
        waits_s.append(wait_s)
        return await flush(wait_s, *selects)

    monkeypatch.setattr(recorder, "flush", recorded_flush)
    database.moving.clear()
    kept = recorder.for_call(new_opened_call())
    # Processor time, as a loaded machine makes wall time longer. A `keep` that waited for the stuck
    # database would never return.
    began_s = time.thread_time()
    for number in range(2000):
        kept.keep(turn(f"item_{number}"))
    assert time.thread_time() - began_s < 0.5
    # The database answers only after the test: if `finish` waited for it, this would time out.
    async with asyncio.timeout(30):
        await kept.finish(Ending.CLIENT_LEFT)
    assert waits_s == [recorder.finish_wait_s]
    assert database.batches == []


async def test_what_finish_did_not_wait_for_is_still_written(
    recorder: Recorder, database: FakeDatabase
) -> None:
    database.moving.clear()
    kept = recorder.for_call(new_opened_call())
    kept.keep(turn())
    await kept.finish(Ending.CLIENT_LEFT)
    database.moving.set()
    assert await recorder.flush(5)
    assert [type(each) for each in database.writes] == [TurnWrite, EndingWrite]


async def test_memory_is_bounded_by_the_number_of_turns(
    recorder: Recorder, database: FakeDatabase
) -> None:
    database.moving.clear()
    kept = recorder.for_call(new_opened_call())
    for number in range(5000):
        kept.keep(turn(f"item_{number % 3}", str(number)))
    database.moving.set()
    assert await recorder.flush(5)
    assert len(database.writes) <= 6


async def test_a_locked_database_is_retried_with_growing_pauses(
    recorder: Recorder, database: FakeDatabase, pauses: Pauses
) -> None:
    database.away = 7
    recorder.for_call(new_opened_call()).keep(turn())
    assert await recorder.flush(5)
    assert database.texts == ["Hello there."]
    assert pauses[-7:] == [*RETRY_PAUSES_S, RETRY_PAUSES_S[-1], RETRY_PAUSES_S[-1]]


async def test_a_read_only_database_is_retried(recorder: Recorder, database: FakeDatabase) -> None:
    database.away, database.error = 3, InternalError("cannot execute INSERT")
    recorder.for_call(new_opened_call()).keep(turn())
    assert await recorder.flush(5)
    assert database.texts == ["Hello there."]


async def test_a_flush_ends_the_pause(database: FakeDatabase, executor: DatabaseExecutor) -> None:
    is_pausing = asyncio.Event()

    async def for_ever(_: float) -> None:
        is_pausing.set()
        await asyncio.Event().wait()

    recorder = Recorder(executor, sleep=for_ever, write=database.write)
    database.away = 1
    recorder.for_call(new_opened_call()).keep(turn())
    await recorder.flush(0.05)
    is_pausing.clear()
    assert await recorder.flush(5)
    assert database.texts == ["Hello there."]
    await recorder.stop(2)


async def test_changes_while_the_database_is_away_are_merged(
    recorder: Recorder, database: FakeDatabase
) -> None:
    database.moving.clear()
    database.away = 1
    kept = recorder.for_call(new_opened_call())
    kept.keep(turn(text="Hel", status=TurnStatus.IN_PROGRESS))
    kept.keep(turn("item_2", "Other."))
    await recorder.flush(0.02)
    kept.keep(turn(text="Hello."))
    database.moving.set()
    assert await recorder.flush(5)
    assert database.texts == ["Hello.", "Other."]


async def test_a_final_status_is_kept(recorder: Recorder, database: FakeDatabase) -> None:
    kept = recorder.for_call(new_opened_call())
    kept.keep(turn(status=TurnStatus.INTERRUPTED))
    kept.keep(turn(status=TurnStatus.IN_PROGRESS, position=4))
    assert await recorder.flush(5)
    assert [each.turn for each in database.writes if isinstance(each, TurnWrite)] == [
        turn(status=TurnStatus.INTERRUPTED, position=4)
    ]


async def test_a_refused_turn_costs_only_itself_and_is_reported_without_its_text(
    recorder: Recorder, database: FakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database.refused_text = "poison"
    call = new_opened_call()
    kept = recorder.for_call(call)
    for number, text in enumerate(("Before.", "poison", "After.")):
        kept.keep(turn(f"item_{number}", text))
    await kept.finish(Ending.CLIENT_LEFT)
    assert await recorder.flush(5)
    assert database.texts == ["Before.", "After."]
    assert isinstance(database.writes[-1], EndingWrite)
    (report,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert vars(report)["fields"] == {
        "call_id": call.call_id, "session_id": call.session_id,
        "where": "TurnWrite", "error": "DataError",
    }  # fmt: skip
    assert "secret" not in caplog.text


async def test_the_database_may_go_away_while_writing_one_by_one(
    recorder: Recorder, database: FakeDatabase
) -> None:
    kept = recorder.for_call(new_opened_call())
    refusals = iter((DataError, None, OperationalError))

    def write(writes: Sequence[Write]) -> Written:
        if error := next(refusals, None):
            raise error
        return database.write(writes)

    recorder._write = write
    for number in range(3):
        kept.keep(turn(f"item_{number}", str(number)))
    assert await recorder.flush(5)
    assert database.texts == ["0", "1", "2"]


async def test_stop_writes_what_is_pending(recorder: Recorder, database: FakeDatabase) -> None:
    finished, unfinished = (recorder.for_call(new_opened_call()) for _ in range(2))
    await finished.finish(Ending.CLIENT_LEFT)
    unfinished.keep(turn())
    assert await recorder.stop(2)
    assert database.texts == ["Hello there."]
    await recorder.stop(2)
    endings = [each.ending for each in database.writes if isinstance(each, EndingWrite)]
    assert endings == [Ending.CLIENT_LEFT, Ending.DRAINING]


async def test_stop_is_bounded_and_reports_what_is_lost(
    database: FakeDatabase, executor: DatabaseExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(executor, write=database.write)
    database.moving.clear()
    recorder.for_call(new_opened_call()).keep(turn())
    assert not await recorder.stop(0.02)
    database.moving.set()
    assert [vars(record)["fields"] for record in caplog.records] == [{"rows": 2}]


async def test_stop_before_the_first_write_does_nothing(executor: DatabaseExecutor) -> None:
    await Recorder(executor).stop(2)


async def test_an_exchange_without_a_call_is_recorded(
    recorder: Recorder, database: FakeDatabase
) -> None:
    session_id = uuid4()
    exchange = OpenedExchange(session_id, "en", 300_000, ())
    session_recorder = recorder.for_session(exchange, model="gpt-text")
    session_recorder.keep(turn())
    session_recorder.count(usage.Usage("resp_1", "response", text_out=3))
    assert await session_recorder.flush(5)
    assert database.writes == [
        TurnWrite(session_id, None, 300_000, turn()),
        UsageWrite(session_id, None, "gpt-text", usage.Usage("resp_1", "response", text_out=3)),
    ]


async def test_a_transcription_is_counted_with_its_own_model(
    recorder: Recorder, database: FakeDatabase
) -> None:
    kept = recorder.for_call(new_opened_call())
    kept.count(usage.Usage("item_1", "transcription", seconds=1.5))
    kept.count(usage.Usage("resp_1", "response", text_out=1))
    await kept.finish(Ending.CLIENT_LEFT)
    models = [each.model for each in database.writes if isinstance(each, UsageWrite)]
    assert models == ["gpt-transcribe", "gpt-realtime"]


async def test_the_stored_cost_of_a_usage_is_counted_with_its_model(
    recorder: Recorder, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = ProcessCounters()
    monkeypatch.setattr("backend.conversations.recorder.COUNTERS", counters)
    database.costs = (("gpt-realtime", Decimal("0.64")), ("without-a-price", None))
    exchange = OpenedExchange(uuid4(), "en", 0, ())
    recorder.for_session(exchange, model="gpt-realtime").count(
        usage.Usage("source", "response", audio_out=10_000)
    )
    assert not counters.cost_usd
    assert await recorder.flush(5)
    assert counters.cost_usd == {"gpt-realtime": Decimal("0.64")}
    assert counters.unpriced_usages == {"without-a-price": 1}


async def test_the_backlog_is_what_is_not_written_yet(
    recorder: Recorder, database: FakeDatabase
) -> None:
    call = recorder.for_call(new_opened_call())
    call.keep(turn())
    assert recorder.backlog_rows == 1
    await call.finish(Ending.CLIENT_LEFT)
    assert recorder.backlog_rows == 0


async def test_a_final_status_is_kept_over_a_write_that_failed(
    recorder: Recorder, database: FakeDatabase
) -> None:
    database.moving.clear()
    database.away = 1
    kept = recorder.for_call(new_opened_call())
    kept.keep(turn(status=TurnStatus.INTERRUPTED))
    await recorder.flush(0.02)
    kept.keep(turn(text="More.", status=TurnStatus.IN_PROGRESS))
    database.moving.set()
    assert await recorder.flush(5)
    assert [each.turn for each in database.writes if isinstance(each, TurnWrite)] == [
        turn(text="More.", status=TurnStatus.INTERRUPTED)
    ]


async def test_what_was_stored_is_announced_after_it_was_stored(
    database: FakeDatabase, executor: DatabaseExecutor
) -> None:
    announced: list[tuple[Written, int]] = []

    def after_write(written: Written) -> None:
        announced.append((written, len(database.batches)))

    recorder = Recorder(executor, write=database.write, after_write=after_write)
    recorder.for_call(new_opened_call()).keep(turn())
    await recorder.stop(2)
    assert announced == [(Written(), 1)]


async def test_a_listener_that_raises_costs_no_turn_and_no_second_write(
    database: FakeDatabase, executor: DatabaseExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    def after_write(_: Written) -> None:
        raise ValueError("the words themselves: a secret")

    recorder = Recorder(executor, write=database.write, after_write=after_write)
    recorder.for_call(new_opened_call()).keep(turn())
    assert await recorder.flush(5)
    await recorder.stop(2)
    assert database.texts == ["Hello there."]
    assert "recorder.listener_failed" in caplog.text
    assert "secret" not in caplog.text


# The spool


class FakeSpool(Spool):
    """Remembers each state that it was given; `missing` writes find no room."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"), "tag")
        self.states: list[list[Write]] = []
        self.missing = 0
        self.news = threading.Event()

    def sync(self, unwritten: Mapping[Hashable, Write], at_once: bool = False) -> int:
        self.states.append(list(unwritten.values()))
        self.news.set()
        return self.missing

    @property
    def texts(self) -> list[str]:
        return [each.turn.text for each in self.states[-1] if isinstance(each, TurnWrite)]


@pytest.fixture
def spool(monkeypatch: pytest.MonkeyPatch) -> FakeSpool:
    # A stop waits hardly at all for the stuck database, and for the spool as long as it takes.
    monkeypatch.setattr("backend.conversations.recorder.STOP_FLUSH_SHARE", 0.001)
    return FakeSpool()


def spooling(
    database: FakeDatabase, executor: DatabaseExecutor, spool: Spool, delay_s: float = 0.02
) -> Recorder:
    return Recorder(
        executor, write=database.write, finish_wait_s=0.05, spool=spool, spool_delay_s=delay_s
    )


async def next_state(spool: FakeSpool) -> None:
    spool.news.clear()
    assert await asyncio.to_thread(spool.news.wait, 10)


async def test_while_the_database_answers_nothing_is_spooled(
    database: FakeDatabase, executor: DatabaseExecutor, spool: FakeSpool
) -> None:
    recorder = spooling(database, executor, spool, delay_s=60)
    await recorder.for_call(new_opened_call()).finish(Ending.CLIENT_LEFT)
    recorder.for_call(new_opened_call()).keep(turn())
    assert await recorder.stop(5000)
    assert spool.states == []


async def test_a_late_write_is_spooled_with_all_that_waits_and_its_file_deleted_afterwards(
    database: FakeDatabase, executor: DatabaseExecutor, spool: FakeSpool
) -> None:
    database.moving.clear()
    recorder = spooling(database, executor, spool)
    kept = recorder.for_call(new_opened_call())
    kept.keep(turn(text="Hel", status=TurnStatus.IN_PROGRESS))
    await recorder.flush(0)
    await next_state(spool)
    assert recorder.is_spooling
    assert spool.texts == ["Hel"]
    kept.keep(turn(text="Hello."))
    kept.keep(turn("item_2", "Other."))
    await next_state(spool)
    assert spool.texts == ["Hello.", "Other."]
    database.moving.set()
    assert await recorder.flush(5)
    async with asyncio.timeout(10):
        while recorder.is_spooling:
            await next_state(spool)
    assert await recorder.stop(5000)
    assert spool.states[-1] == []


async def test_a_final_status_that_is_being_written_is_kept_in_the_spool(
    database: FakeDatabase, executor: DatabaseExecutor, spool: FakeSpool
) -> None:
    database.moving.clear()
    recorder = spooling(database, executor, spool, delay_s=60)
    kept = recorder.for_call(new_opened_call())
    kept.keep(turn(status=TurnStatus.INTERRUPTED))
    await recorder.flush(0.05)
    kept.keep(turn(text="More.", status=TurnStatus.IN_PROGRESS))
    assert await recorder.stop(20)
    (each, *_) = spool.states[-1]
    assert isinstance(each, TurnWrite)
    assert each.turn == turn(text="More.", status=TurnStatus.INTERRUPTED)
    database.moving.set()


def files_in(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def test_stop_leaves_no_task_that_would_delete_the_file(
    database: FakeDatabase, executor: DatabaseExecutor, tmp_path: Path
) -> None:
    database.moving.clear()
    try:
        recorder = spooling(database, executor, Spool(tmp_path, "tag"), delay_s=60)
        kept = recorder.for_call(new_opened_call())
        kept.keep(turn())
        await recorder.flush(0.05)
        kept.keep(turn("item_2", "Said while the database was asked to store the first."))
        assert await recorder.stop(0.2)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert files_in(tmp_path) == 1
    finally:
        database.moving.set()


@pytest.mark.parametrize("missing", [0, 1])
async def test_stop_spools_what_the_database_does_not_take(
    database: FakeDatabase,
    executor: DatabaseExecutor,
    spool: FakeSpool,
    missing: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool.missing = missing
    recorder = spooling(database, executor, spool, delay_s=60)
    database.moving.clear()
    recorder.for_call(new_opened_call()).keep(turn())
    assert await recorder.stop(20) is (missing == 0)
    assert [type(each) for each in spool.states[-1]] == [TurnWrite, EndingWrite]
    logged = {record.message: vars(record)["fields"] for record in caplog.records}
    assert logged["recorder.spooled"] == {"rows": 2 - missing}
    assert ("recorder.stopped_early" in logged) is (missing == 1)
    database.moving.set()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
async def test_everything_reaches_the_real_database(owner: User) -> None:
    executor = DatabaseExecutor(threads=2)
    recorder = Recorder(executor)
    session = await executor.run(new_session, owner)
    opened = await executor.run(new_call, session)
    kept = recorder.for_call(opened)
    for number in range(300):
        kept.keep(turn(f"item_{number}", f"{number}\0", position=number))
        kept.count(usage.Usage(f"resp_{number}", "response", audio_out=1))
        if number % 50 == 0:
            await asyncio.sleep(0)
    kept.keep(turn("x" * 200, "An id that is too long for its column.", position=300))
    await kept.finish(Ending.COMPLETED)
    await recorder.stop(2)
    await executor.run(assert_everything_was_written, opened)
    executor.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
async def test_a_real_lock_delays_only_the_writing(owner: User) -> None:
    executor = DatabaseExecutor(threads=2)
    recorder = Recorder(executor, finish_wait_s=0.05)
    session = await executor.run(new_session, owner)
    kept = recorder.for_call(await executor.run(new_call, session))
    locked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Session.objects.select_for_update().get()
            locked.set()
            go_on.wait()

    holder = asyncio.create_task(executor.run(hold))
    await asyncio.to_thread(locked.wait)
    kept.keep(turn())
    loop = asyncio.get_running_loop()
    began = loop.time()
    await kept.finish(Ending.CLIENT_LEFT)
    assert loop.time() - began < 1
    assert not await recorder.flush(0.01)
    go_on.set()
    await holder
    await recorder.stop(2)
    assert await executor.run(Turn.objects.count) == 1
    assert (await executor.run(Call.objects.get)).ending == Ending.CLIENT_LEFT
    executor.close()


def assert_everything_was_written(opened: OpenedCall) -> None:
    kept = list(Turn.objects.filter(session=opened.session_id, text__endswith="\ufffd"))
    assert [row.text for row in kept] == [f"{number}\ufffd" for number in range(300)]
    assert Usage.objects.count() == 300
    assert Session.objects.get().realtime_mode
    assert Call.objects.get().ending == Ending.COMPLETED
